"""The gold answers of a file of problems or of verl's training rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from int_verl.errors import UserError
from int_verl.problems.columns import ANSWER_MARK, Columns, column_of
from int_verl.problems.raw_rows import file_rows


def gold_answers(file: str, column: str | None = None) -> Iterator[tuple[int, Any]]:
    """(row number from 1, gold answer), whatever its type.

    What follows ``####`` is the answer where a solution comes before it, as in GSM8K. verl's own rows are read too
    (``reward_model.ground_truth``).

    Args:
        column: where the answers are; by default it is guessed from its name.

    Raises:
        UserError: the file cannot be read, or has no such column.
    """
    for number, row in enumerate(file_rows(file), start=1):
        if column is None and isinstance(row.get("reward_model"), dict):
            yield number, row["reward_model"].get("ground_truth")
            continue
        name = column or column_of("answer", row)
        if name is None or name not in row:
            missing = f"no column {name!r}" if name else "no column of answers"
            raise UserError(f"{file}: {missing}; pass --answer-column, one of: {', '.join(map(str, row))}")
        yield number, Columns({"answer": name}, ANSWER_MARK).read(row)["answer"]
