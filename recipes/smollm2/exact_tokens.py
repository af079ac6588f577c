"""Whether the tokens of a run are the same in every stage: what the policy drew is what is trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from int_verl.doctor import Check
from int_verl.generate.chat import ChatCodec
from int_verl.records import read_rows
from int_verl.run_files import ATTEMPTS, GUIDED_ROLLOUTS, KEPT
from int_verl.sft.rows import RowSettings, SFTRows

Row = dict[str, Any]


def token_checks(folder: Path, model: Path) -> Iterator[Check]:
    """A check a stage, of a run's folder; `model` is the one that it began with."""
    codec = ChatCodec(model)
    attempts = {(row["problem_id"], row["attempt"]): row for row in read_rows(folder / ATTEMPTS)}
    kept = list(read_rows(folder / KEPT))
    guided = [row for row in read_rows(folder / GUIDED_ROLLOUTS) if row["condition"] == "intervention"]
    yield _all("tokens: attempts are their text", list(attempts.values()), lambda row: _is_its_text(row, codec))
    yield _all("tokens: guided rollouts are their text", guided, lambda row: _is_its_text(row, codec))

    def begins_as_attempted(row: Row) -> bool:
        attempt = attempts[row["problem_id"], row["attempt"]]
        same_prompt = row["prompt_ids"] == attempt["prompt_ids"]
        return same_prompt and row["prefix_ids"] == attempt["token_ids"][: len(row["prefix_ids"])]

    yield _all("tokens: SFT's prefixes are what was attempted", kept, begins_as_attempted)
    trained = {_key(row): row["prompt_ids"] + row["prefix_ids"] + row["intervention_ids"] for row in kept}

    def continues_what_is_trained(row: Row) -> bool:
        tokens = trained[_key(row)]
        return bool(row["prompt_ids"][: len(tokens)] == tokens)

    of_kept = [row for row in guided if _key(row) in trained]
    yield _all("tokens: guided rollouts continue what SFT trains on", of_kept, continues_what_is_trained)
    rows = SFTRows([folder / KEPT], codec.tokenizer, RowSettings(max_length=1 << 20))
    read = [
        {"read": list(map(int, row.tokens)), "wanted": tokens}
        for row, tokens in zip(rows, trained.values(), strict=True)
    ]
    yield _all("tokens: SFT reads them, and no end token", read, lambda row: _is_read(row, codec))
    asked = {row["prompt"][0]["content"] for row in read_rows(folder / "rl/train.parquet")}
    rendered = {tuple(codec.usual_prompt_ids(content, None)) for content in asked}
    prompts = [{"same": tuple(row["prompt_ids"]) in rendered} for row in attempts.values()]
    yield _all("tokens: RL's prompts are the generator's", prompts, lambda row: row["same"])


def _key(row: Row) -> tuple[str, int, int]:
    return row["problem_id"], row["attempt"], row["proposal"]


def _is_its_text(row: Row, codec: ChatCodec) -> bool:
    """Its tokens are its text, and its last one is an end token if it stopped, and only then."""
    ids = row["token_ids"]
    ended = row["finish_reason"] == "stop"
    return ended == (ids[-1] in codec.end_ids) and codec.decode(codec.without_end(ids)) == row["text"]


def _is_read(row: Row, codec: ChatCodec) -> bool:
    return row["read"] == row["wanted"] and row["read"][-1] not in codec.end_ids


def _all(name: str, rows: list[Row], holds: Callable[[Row], bool]) -> Check:
    good = sum(map(holds, rows))
    return Check(name, bool(rows) and good == len(rows), f"{good:,} of {len(rows):,}")
