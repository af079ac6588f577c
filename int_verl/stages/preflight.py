"""What can be wrong with the problems for this model and this grader, found before any engine is started.

A check that was passed is remembered in the run's folder, so that a resumed run does not grade a million golds again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from int_verl.errors import UserError
from int_verl.files import text_hash, write_text
from int_verl.generate.model import LocalModel
from int_verl.generate.prompts import Prompts
from int_verl.grading import BaseGrader
from int_verl.problems.sets import Fault, Problem, read_problems
from int_verl.progress import StageProgress
from int_verl.run.folder import RunFolder
from int_verl.run.problem_sets import ProblemSets
from int_verl.run_files import CHECKED_PROBLEMS, HELDOUT_PROBLEMS, TRAIN_PROBLEMS
from int_verl.settings.evaluation import GraderSettings

_CHUNK = 1_000
_FAULTS_SHOWN = 5

Numbered = tuple[int, Problem]
"""A row's number from 1, and its problem."""


def check_problems(
    folder: RunFolder,
    sets: ProblemSets,
    prompts: Prompts,
    model: LocalModel,
    max_tokens: int,
    grader_settings: GraderSettings,
    new_grader: Callable[[], BaseGrader],
    progress: StageProgress,
) -> None:
    """Check the problems that the run's folder holds: those of its share, and the held-out ones.

    Args:
        max_tokens: of an attempt; its prompt has what the model allows beside them.

    Raises:
        UserError: a prompt that does not fit, or a gold answer that does not grade equal to itself.
    """
    room = model.context_length - max_tokens
    passed = folder / CHECKED_PROBLEMS
    conditions = text_hash(
        json.dumps(
            [
                *(sets.train.digest, sets.heldout.digest, str(sets.shard)),
                *(prompts.solve_version, model.revision, room, repr(grader_settings)),
            ]
        )
    )
    if passed.is_file() and passed.read_bytes().strip() == conditions.encode():
        return
    train = sets.share(enumerate(read_problems(folder / TRAIN_PROBLEMS), 1))
    heldout = enumerate(read_problems(folder / HELDOUT_PROBLEMS), 1)
    with new_grader() as grader:
        check_golds(sets.settings.train, _that_fit(sets.settings.train, train, prompts, model, room), grader, progress)
        check_golds(sets.settings.heldout, heldout, grader, progress)
    write_text(passed, conditions + "\n")


def check_golds(name: str, problems: Iterable[Numbered], grader: BaseGrader, progress: StageProgress) -> None:
    """Check that every gold answer can be graded against.

    Args:
        name: of the problem set, for the message.

    Raises:
        UserError: naming the first few that cannot.
    """
    faults: list[Fault] = []
    for chunk in _chunks(problems):
        golds = ((row, problem.answer) for row, problem in chunk)
        faults += [
            Fault(row, "answer", f"{answer!r}: {reason}") for row, answer, reason in grader.unusable_golds(golds)
        ]
        progress.count("checked", len(chunk))
    if faults:
        shown = "; ".join(map(str, faults[:_FAULTS_SHOWN]))
        raise UserError(
            f"{name}: {len(faults)} gold answers cannot be used: {shown}; "
            "mend or remove them (`int-verl problems check --write` does)"
        )


def _that_fit(
    name: str, problems: Iterable[Numbered], prompts: Prompts, model: LocalModel, room: int
) -> Iterator[Numbered]:
    for row, problem in problems:
        length = len(model.codec.prompt_ids(prompts.solve(problem.problem)))
        if length > room:
            raise UserError(
                f"{name}: row {row} ({problem.id}) is {length} tokens long, and "
                f"{room} fit beside sample.sampling.max_tokens; lower that, or raise engine.context_length"
            )
        yield row, problem


def _chunks(problems: Iterable[Numbered]) -> Iterator[list[Numbered]]:
    rest = iter(problems)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
