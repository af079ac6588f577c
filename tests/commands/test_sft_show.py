"""`int-verl sft show`: what is trained on can be seen, with colours and without."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from omegaconf import OmegaConf

from int_verl.cli import main
from int_verl.generate.chat import ChatCodec
from int_verl.settings.compose import compose
from tests.pseudo_terminal import HOSTILE, SHOWN, obeyed, on_terminal
from tests.sft.chat_models import FAMILIES, save_tokenizer

pytestmark = pytest.mark.verl


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tokenizer(tmp_path_factory.mktemp("model"), FAMILIES["qwen2.5"])


@pytest.fixture
def rows(model: Path, tmp_path: Path) -> Path:
    """Two rows as the stage guide writes them, one of them without a prefix."""
    codec = ChatCodec(model)
    prompt = list(codec.prompt_ids("What is 3 + 4?"))
    ids = pa.list_(pa.int32())
    schema = pa.schema(
        [
            ("prompt_ids", ids),
            ("prefix_ids", ids),
            ("intervention_ids", ids),
            ("suffix_ids", ids),
            ("model", pa.string()),
        ]
    )
    row = {
        "prompt_ids": prompt,
        "prefix_ids": codec.encode("We add.\n\n"),
        "intervention_ids": codec.encode("Count on from [three]."),
        "suffix_ids": [*codec.encode("\n\nSo 7."), codec.tokenizer.convert_tokens_to_ids("<|im_end|>")],
        "model": str(model),
    }
    file = tmp_path / "run" / "guide" / "sft.parquet"
    file.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist([row, {**row, "prefix_ids": []}], schema=schema), file)
    return file


def show(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as done:
        main(["sft", "show", *map(str, arguments)])
    captured = capsys.readouterr()
    assert not done.value.code, captured.err
    return captured.out


def complaint(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as done:
        main(["sft", "show", *map(str, arguments)])
    assert done.value.code == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_brackets_stand_around_what_is_trained(capsys: pytest.CaptureFixture[str], rows: Path) -> None:
    out = show(capsys, rows)
    assert "<|im_start|>assistant\n⟦We add.\n\nCount on from [three].⟧\n" in out
    assert "<|im_start|>assistant\n⟦Count on from [three].⟧\n" in out
    assert "<|im_start|>user\nWhat is 3 + 4?<|im_end|>" in out
    assert out.count("⟦") == out.count("⟧") == 2
    assert "\x1b" not in out


def test_colours_on_a_terminal(capsys: pytest.CaptureFixture[str], rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    out = show(capsys, rows, "--rows", 1)
    assert "\x1b[1;32m⟦We add.\x1b[0m" in out
    assert "\x1b[2m<|im_start|>" in out


def test_settings_of_a_file(capsys: pytest.CaptureFixture[str], rows: Path) -> None:
    out = show(capsys, rows, "--rows", 1, "--loss-on", "intervention", "--suffix")
    assert "<|im_start|>assistant\nWe add.\n\n⟦Count on from [three].\n\nSo 7.<|im_end|>⟧" in out


def test_counts_are_those_of_the_file(capsys: pytest.CaptureFixture[str], rows: Path) -> None:
    table = pq.read_table(rows).to_pylist()
    total = sum(len(row[part]) for row in table for part in ("prompt_ids", "prefix_ids", "intervention_ids"))
    untrained = sum(len(row["prompt_ids"]) for row in table)
    out = show(capsys, rows, "--rows", 1)
    assert out.splitlines()[-1] == (f"2 rows; {total} tokens: {total - untrained} trained, {untrained} untrained")
    first = table[0]
    lengths = [len(first[part]) for part in ("prompt_ids", "prefix_ids", "intervention_ids")]
    assert out.splitlines()[0] == (
        f"sft.parquet row 0: {sum(lengths)} tokens (prompt {lengths[0]}, prefix {lengths[1]}, intervention "
        f"{lengths[2]}), {lengths[1] + lengths[2]} trained"
    )


def test_one_token_at_a_time(capsys: pytest.CaptureFixture[str], rows: Path, model: Path) -> None:
    first = pq.read_table(rows).to_pylist()[0]
    out = show(capsys, rows, "--rows", 1, "--tokens")
    trained = [token for line in out.splitlines() if line.startswith("⟦") for token in line.strip("⟦⟧").split(" ")]
    assert [int(token.partition(":")[0]) for token in trained] == [*first["prefix_ids"], *first["intervention_ids"]]
    text = "".join(token.partition(":")[2] for token in trained).replace("⏎", "\n").replace("␣", " ")
    assert text == ChatCodec(model).decode([*first["prefix_ids"], *first["intervention_ids"]])


def test_a_run_shows_what_its_settings_make(capsys: pytest.CaptureFixture[str], rows: Path, model: Path) -> None:
    run = rows.parents[1]
    second = pq.read_table(rows).to_pylist()[1]
    longest = len(second["prompt_ids"]) + len(second["intervention_ids"])
    settings = ["sft.loss_on=intervention", f"sft.max_length={longest}", "sft.overlong=drop"]
    config = compose(None, [f"model.path={model}", "problems.train=x.jsonl", "problems.heldout=y.jsonl", *settings])
    OmegaConf.save(config, run / "config.yaml")
    out = show(capsys, run)
    assert out.splitlines()[-1].startswith("1 row, 1 more dropped as longer than ")
    assert "⟦Count on from [three].⟧" in out


def test_mistakes(capsys: pytest.CaptureFixture[str], rows: Path, tmp_path: Path) -> None:
    assert "no such file or folder" in complaint(capsys, tmp_path / "none.parquet")
    assert "give the folder of a run" in complaint(capsys, tmp_path)
    bare = tmp_path / "bare.parquet"
    pq.write_table(pq.read_table(rows).drop_columns(["model"]), bare)
    assert "name its folder with --model" in complaint(capsys, bare)


def test_the_stage_is_still_a_command_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert "model.path is not set" in _error(capsys, "sft")
    assert "sft.epoch: no such key" in _error(capsys, "sft", "sft.epoch=3")
    with pytest.raises(SystemExit) as done:
        main(["--help"])
    assert done.value.code == 0
    out = capsys.readouterr().out
    assert "  sft  " in out
    assert "  sft show  " in out


def _error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as done:
        main(list(arguments))
    assert done.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("one_by_one", [False, True])
def test_what_a_terminal_would_obey_is_shown(
    rows: Path, model: Path, one_by_one: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pq.read_table(rows)
    hostile = pa.array([ChatCodec(model).encode(HOSTILE)] * table.num_rows, table.schema.field("prefix_ids").type)
    pq.write_table(table.set_column(table.schema.get_field_index("prefix_ids"), "prefix_ids", hostile), rows)
    arguments = ["sft", "show", str(rows), *(["--tokens"] if one_by_one else [])]
    code, written = on_terminal(lambda: main(arguments), monkeypatch)
    assert code == 0, written
    assert not obeyed(written)
    assert b"\x1b[31m" not in written
    assert ("␛" if one_by_one else SHOWN) in written.decode()
