"""What can be wrong with the problems for this model and this grader, found before any engine is started.

A check that was passed is remembered in the run's folder, so that a resumed run does not grade a million golds again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice

from int_verl.errors import UserError
from int_verl.files import text_hash, write_text
from int_verl.problems.sets import Fault, Problem, read_problems
from int_verl.progress import StageProgress
from int_verl.run.run import Run

_CHUNK = 1_000
_FAULTS_SHOWN = 5
_PASSED = "problems/checked.txt"

Numbered = tuple[int, Problem]
"""A row's number from 1, and its problem."""


def check_problems(run: Run, progress: StageProgress) -> None:
    """Check the problems that the run's folder holds: those of its share, and the held-out ones.

    Raises:
        UserError: a prompt that does not fit, or a gold answer that does not grade equal to itself.
    """
    passed = run.folder / _PASSED
    conditions = _conditions(run)
    if passed.is_file() and passed.read_text().strip() == conditions:
        return
    train = run.share(enumerate(read_problems(run.folder / "problems/train.parquet"), 1))
    heldout = enumerate(read_problems(run.folder / "problems/heldout.parquet"), 1)
    with run.grader() as grader:
        for split, problems in (("train", train), ("heldout", heldout)):
            faults: list[Fault] = []
            for chunk in _chunks(problems):
                if split == "train":
                    _check_lengths(run, chunk)
                golds = ((row, problem.answer) for row, problem in chunk)
                faults += [
                    Fault(row, "answer", f"{answer!r}: {reason}")
                    for row, answer, reason in grader.unusable_golds(golds)
                ]
                progress.count("checked", len(chunk))
            if faults:
                shown = "; ".join(map(str, faults[:_FAULTS_SHOWN]))
                raise UserError(
                    f"{run.config.problems[split]}: {len(faults)} gold answers cannot be used: {shown}; "
                    "mend or remove them (`int-verl problems check --write` does)"
                )
    write_text(passed, conditions + "\n")


def _conditions(run: Run) -> str:
    """A hash of everything that the outcome of the check depends on."""
    return text_hash(
        json.dumps(
            [
                *(run.train.digest, run.heldout.digest, str(run.shard)),
                *(run.prompts.solve_version, run.model_revision, _room(run), repr(run.grader_settings)),
            ]
        )
    )


def _room(run: Run) -> int:
    """Tokens that a prompt may have."""
    return run.context_length - run.sample.sampling.max_tokens


def _check_lengths(run: Run, chunk: Iterable[Numbered]) -> None:
    room = _room(run)
    for row, problem in chunk:
        length = len(run.codec.prompt_ids(run.prompts.solve(problem.problem)))
        if length > room:
            raise UserError(
                f"{run.config.problems.train}: row {row} ({problem.id}) is {length} tokens long, and "
                f"{room} fit beside sample.sampling.max_tokens; lower that, or raise engine.context_length"
            )


def _chunks(problems: Iterable[Numbered]) -> Iterator[list[Numbered]]:
    rest = iter(problems)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
