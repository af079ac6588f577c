"""Attempts and interventions that a run is given instead of drawing them.

Given attempts are text: their tokens are what the policy's tokenizer makes of it, not those that were sampled.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from int_verl.errors import UserError, first_line
from int_verl.generate.problem_rows import Row
from int_verl.interventions import Intervention, InterventionParseError
from int_verl.records import GIVEN_ATTEMPT, GIVEN_INTERVENTION

GIVEN = "given"
"In a row's `finish_reason` and `model`: nobody was asked for it."


class GivenRows:
    """The rows of a parquet file, by their problem; in memory is only where they lie.

    Args:
        setting: that names the file, for errors.
        schema: the columns that it must have; others are left alone.

    Raises:
        UserError: no such file, it is not parquet, or a column is missing or has another type.
    """

    def __init__(self, setting: str, file: str, schema: pa.Schema) -> None:
        self.name = f"{setting}={file}"
        self._columns = schema.names
        path = Path(file).expanduser()
        if not path.is_file():
            raise UserError(f"{self.name}: no such file; `int-verl import` writes one")
        try:
            self._file = pq.ParquetFile(path)
        except pa.ArrowException as error:
            raise UserError(f"{self.name}: cannot be read as parquet ({first_line(error)})") from error
        found = self._file.schema_arrow
        for field in schema:
            if field.name not in found.names:
                raise UserError(f"{self.name}: no column {field.name!r}; it has {', '.join(found.names)}")
            if not _fits(found.field(field.name).type, field.type):
                is_now = found.field(field.name).type
                raise UserError(f"{self.name}: column {field.name!r} holds {is_now}, expected {field.type}")
        groups = [self._file.metadata.row_group(k).num_rows for k in range(self._file.num_row_groups)]
        self._starts = [0, *accumulate(groups)][: len(groups)]
        self._rows: dict[str, list[int]] = defaultdict(list)
        for number, value in enumerate(self._file.read(["problem_id"])["problem_id"].to_pylist()):
            self._rows[value].append(number)

    def __len__(self) -> int:
        return int(self._file.metadata.num_rows)

    def __contains__(self, problem_id: str) -> bool:
        return problem_id in self._rows

    def of(self, problem_id: str) -> list[Row]:
        """The rows of a problem in the order of the file."""
        rows: list[Row] = []
        numbers = self._rows.get(problem_id, [])
        groups = [bisect_right(self._starts, number) - 1 for number in numbers]
        for group in dict.fromkeys(groups):
            table = self._file.read_row_group(group, columns=self._columns)
            own = [number - self._starts[group] for number, of in zip(numbers, groups, strict=True) if of == group]
            rows += table.take(own).to_pylist()
        return rows

    def check_problems(self, problem_ids: Iterable[str]) -> int:
        """How many of the problems have rows.

        Raises:
            UserError: none has.
        """
        number = sum(one in self for one in problem_ids)
        if not number:
            raise UserError(
                f"{self.name}: holds rows of none of the problems; was it made with another problems.train?"
            )
        return number


def _fits(found: pa.DataType, wanted: pa.DataType) -> bool:
    if pa.types.is_integer(wanted):
        return pa.types.is_integer(found)
    return pa.types.is_string(found) or pa.types.is_large_string(found)


@dataclass(frozen=True, slots=True)
class Given:
    """What a run is given. A problem that is not in a file is worked on as without the file."""

    attempts: GivenRows | None = None
    interventions: GivenRows | None = None

    @classmethod
    def open(cls, attempts_from: str | None, interventions_from: str | None) -> Given:
        """Raises UserError: see `GivenRows`."""
        attempts = GivenRows("sample.attempts_from", attempts_from, GIVEN_ATTEMPT) if attempts_from else None
        if not interventions_from:
            return cls(attempts)
        if attempts is None:
            raise UserError(
                f"propose.interventions_from={interventions_from}: interventions belong to given attempts; "
                "set sample.attempts_from, too"
            )
        return cls(attempts, GivenRows("propose.interventions_from", interventions_from, GIVEN_INTERVENTION))

    @property
    def counts(self) -> dict[str, int]:
        """Rows by the generator's table that they stand in for."""
        files = {"attempts": self.attempts, "proposals": self.interventions}
        return {table: len(rows) for table, rows in files.items() if rows is not None}

    def attempts_of(self, problem_id: str) -> list[Row]:
        return self.attempts.of(problem_id) if self.attempts else []

    def interventions_of(self, problem_id: str) -> dict[int, list[Row]] | None:
        """Attempt -> its interventions; None: the problem has none here, so the model is asked.

        Raises:
            UserError: one belongs to an attempt that is not given.
        """
        if self.interventions is None or problem_id not in self.interventions:
            return None
        attempts = len(self.attempts_of(problem_id))
        by_attempt: dict[int, list[Row]] = defaultdict(list)
        for row in self.interventions.of(problem_id):
            if row["attempt"] is None or not 0 <= row["attempt"] < attempts:
                raise UserError(
                    f"{self.interventions.name}: problem {problem_id} has {attempts} given attempts, "
                    f"and an intervention is for attempt {row['attempt']}, counted from 0; make both files together"
                )
            by_attempt[row["attempt"]].append(row)
        return by_attempt


def intervention_in(row: Row) -> Intervention:
    """The intervention of a row; raises InterventionParseError where there is none."""
    content, location = row["content"] or "", row["location"]
    if not content.strip():
        raise InterventionParseError("empty_content" if location is not None else "empty_block")
    if location is None:
        raise InterventionParseError("no_location")
    if location < 1:
        raise InterventionParseError("bad_location")
    return Intervention(content, location)


NOTHING = Given()
