"""Token data that models are asked about: rows for SFT, references, traces of others, a model's own rollouts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from int_verl.errors import UserError
from int_verl.files import text_hash
from int_verl.generate.chat import ChatCodec
from int_verl.generate.prompts import Prompts
from int_verl.problems.raw_rows import file_rows
from int_verl.problems.sets import Problem
from int_verl.records import read_rows
from int_verl.rl.validation_dump import dumped_samples
from int_verl.sft.chats import encode_chat
from int_verl.sft.rows import MESSAGES, PARTS, SUFFIX, RowSettings, SFTRows

_UNLIMITED = 2**31
TRACE_COLUMNS = "text and problem_id, or text and problem"


@dataclass(frozen=True, slots=True)
class DataRow:
    """Tokens in their context."""

    problem: str
    "An id, or a hash of its prompt: intervals are over problems."
    context: tuple[int, ...]
    parts: Mapping[str, Sequence[int]]
    "Part, as in `likelihood_table.PARTS`, -> its tokens."

    @property
    def tokens(self) -> list[int]:
        return [token for part in self.parts.values() for token in part]

    @property
    def lengths(self) -> dict[str, int]:
        return {part: len(ids) for part, ids in self.parts.items()}


def data_rows(file: Path, codec: ChatCodec, prompts: Prompts, problems: Mapping[str, Problem]) -> list[DataRow]:
    """The rows of a file: token ids or messages as SFT trains on them (.parquet), or traces as text.

    Args:
        problems: id -> problem, for traces that name one.

    Raises:
        UserError: the file is neither, or a row is damaged.
    """
    names = pq.read_schema(file).names if file.suffix == ".parquet" and file.is_file() else []
    if set(PARTS) <= set(names) or MESSAGES in names:
        return _sft_rows(file, names, codec)
    return list(_trace_rows(file, codec, prompts, problems))


def _sft_rows(file: Path, names: Sequence[str], codec: ChatCodec) -> list[DataRow]:
    rows = SFTRows([file], codec.tokenizer, RowSettings(max_length=_UNLIMITED, suffix=SUFFIX in names))
    ids = [row["problem_id"] for row in read_rows(file, ["problem_id"])] if "problem_id" in names else None
    solutions = not any(len(row.prefix) for row in rows) and SUFFIX not in names
    found = []
    for number, row in enumerate(rows):
        context = tuple(map(int, row.prompt))
        if row.prefix_mask is not None and not row.prefix_mask.all():
            raise UserError(
                f"{file} row {number}: its prefix has tokens of an environment, which have no likelihood here"
            )
        parts = {"prefix": row.prefix, "intervention": row.intervention, "suffix": row.suffix}
        if solutions:
            parts = {"solution": row.intervention}
        problem = ids[number] if ids else text_hash(str(context))
        found.append(DataRow(problem, context, {name: part.tolist() for name, part in parts.items() if len(part)}))
    return found


def _trace_rows(file: Path, codec: ChatCodec, prompts: Prompts, problems: Mapping[str, Problem]) -> Iterator[DataRow]:
    for number, row in enumerate(file_rows(str(file)), 1):
        problem_id, problem = row.get("problem_id"), row.get("problem")
        if problem is None and problem_id is not None:
            if str(problem_id) not in problems:
                raise UserError(
                    f"{file}: row {number}: {problem_id} is no problem of the run; give its text as problem"
                )
            problem = problems[str(problem_id)].problem
        if not isinstance(problem, str) or not isinstance(row.get("text"), str) or not row["text"]:
            raise UserError(f"{file}: row {number} is neither a row for SFT nor a trace, which has {TRACE_COLUMNS}")
        yield solution_row(codec, str(problem_id or text_hash(problem)), prompts.solve(problem), row["text"])


def solution_row(codec: ChatCodec, problem: str, question: str, text: str) -> DataRow:
    """A whole solution as SFT on it would train: encoded on its own, with an end token."""
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": text}]
    context, tokens = encode_chat(codec.tokenizer, messages, {})
    ended = tokens[-1:] and tokens[-1] in codec.end_ids
    return DataRow(problem, tuple(context), {"solution": tokens if ended else [*tokens, codec.tokenizer.eos_token_id]})


def drawn_rows(rows: Iterable[Mapping[str, Any]]) -> Iterator[DataRow]:
    """A model's own completions, from rows with provenance; those that were given as text are none."""
    for row in rows:
        if row["finish_reason"] in ("stop", "length") and row["token_ids"]:
            yield DataRow(row["problem_id"], tuple(row["prompt_ids"]), {"solution": row["token_ids"]})


def dumped_rows(dump: Path, codec: ChatCodec, prompts: Prompts, problems: Iterable[Problem]) -> Iterator[DataRow]:
    """A model's own answers to these problems, from what verl's trainer dumped of its validation, as text."""
    known = {}
    for problem in problems:
        ids = codec.prompt_ids(prompts.solve(problem.problem))
        known[codec.tokenizer.decode(ids, skip_special_tokens=True)] = problem.id, ids
    for sample in dumped_samples(dump):
        if sample.prompt in known and sample.response:
            problem_id, ids = known[sample.prompt]
            yield DataRow(problem_id, ids, {"solution": codec.encode(sample.response)})


def thinned(rows: Sequence[DataRow], most: int) -> Sequence[DataRow]:
    """At most so many rows, evenly spread; 0: all of them."""
    if not most or len(rows) <= most:
        return rows
    return [rows[i * len(rows) // most] for i in range(most)]
