"""The problem sets of a run: training problems, of which a shard takes a share, held-out problems and hard ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TypeVar

from int_verl.errors import UserError
from int_verl.problems.raw_rows import is_missing
from int_verl.problems.sets import Problem, ProblemSet, written_digest
from int_verl.records import read_rows
from int_verl.run.shards import Shard
from int_verl.run_files import HELDOUT_PROBLEMS, TRAIN_PROBLEMS
from int_verl.settings.inputs import ProblemSettings

T = TypeVar("T")


@dataclass(frozen=True)
class ProblemSets:
    """Read when first asked for.

    Args:
        shard: the share of the training problems that the generator takes; None: all of them.
        cases: whether they are cases of an environment; see `ProblemSet`.
    """

    settings: ProblemSettings
    shard: Shard | None = None
    cases: bool = False

    @cached_property
    def train(self) -> ProblemSet:
        """All training problems, whatever the shard."""
        return self._open(self.settings.train, self.settings.train_limit, need_reference=True)

    @cached_property
    def heldout(self) -> ProblemSet:
        """Raises UserError if a held-out problem is also a training problem."""
        heldout = self._open(self.settings.heldout, self.settings.heldout_limit, need_reference=False)
        row = heldout.row_also_in(self.train)
        if row is not None:
            problem = next(islice(heldout, row - 1, None))
            raise UserError(f"{self.settings.heldout}: row {row} ({problem.id}) is also a training problem; remove it")
        return heldout

    def _open(self, file: str, limit: int | None, need_reference: bool) -> ProblemSet:
        if self.settings.made_by and is_missing(file):
            own = f"make the recipe's own with `{self.settings.made_by}`"
            raise UserError(f"{file}: no such file; give a .parquet, .jsonl or .csv file, or {own}")
        columns = {str(ours): theirs for ours, theirs in self.settings.columns.items()}
        how = (self.settings.answer_after, self.settings.calculator_marks, self.cases)
        return ProblemSet(file, columns, limit, need_reference, *how)

    def readings(self) -> list[str]:
        """How a file is read whose columns have not our names, a sentence each."""
        return [
            f"{one.file}: read with {one.columns}"
            for one in (self.train, self.heldout)
            if one.columns.guessed or one.columns.answer_after
        ]

    def are_those_of(self, folder: Path, key: str) -> bool:
        """Whether `problems.train` or `problems.heldout` has the problems that a run's folder holds, from wherever."""
        written, problems = {
            "problems.train": (TRAIN_PROBLEMS, lambda: self.train),
            "problems.heldout": (HELDOUT_PROBLEMS, lambda: self.heldout),
        }[key]
        return written_digest(folder / written) == problems().digest

    @property
    def share_size(self) -> int:
        """How many training problems the generator takes."""
        return self.shard.size(len(self.train)) if self.shard else len(self.train)

    def share(self, problems: Iterable[T]) -> Iterable[T]:
        """Of the training problems, or a number for each, those that the generator takes."""
        return self.shard.share(problems) if self.shard else problems

    def unsolved(self, attempts: Path) -> Iterator[Problem]:
        """Training problems that none of the attempts in a table solved."""
        rows = read_rows(attempts, ["problem_id", "correct"])
        solved = {row["problem_id"] for row in rows if row["correct"]}
        return (problem for problem in self.train if problem.id not in solved)

    def hard(self, attempts: Path, limit: int) -> list[Problem]:
        """The hard set of the evaluation: the first `limit` unsolved training problems."""
        return list(islice(self.unsolved(attempts), limit))
