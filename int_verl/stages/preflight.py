"""What can be wrong with the problems for this model and this grader, found before any engine is started.

A check that was passed is remembered in the run's folder, so that a resumed run does not grade a million golds again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from int_verl.errors import UserError
from int_verl.files import text_hash, write_text
from int_verl.generate.model import LocalModel
from int_verl.generate.prompts import Prompts
from int_verl.problems.sets import Fault, Problem
from int_verl.progress import StageProgress
from int_verl.run.problem_sets import ProblemSets

_CHUNK = 1_000
_FAULTS_SHOWN = 5

Numbered = tuple[int, Problem]
"""A row's number from 1, and its problem."""


class GoldCheck(Protocol):
    """Finds the golds that cannot be used; see `BaseGrader.unusable_golds`."""

    def __enter__(self) -> GoldCheck: ...

    def __exit__(self, *_: object) -> None: ...

    def unusable_golds(self, golds: Iterable[tuple[int, Any]]) -> Iterator[tuple[int, Any, str]]: ...


@dataclass
class ProblemCheck:
    """The training problems of the run's share, and the held-out ones, against model and grader.

    Args:
        new_grader: what tells of golds that cannot be used; a grader, or `CaseCheck` where they are cases.
        max_tokens: of an attempt; its prompt has what the model allows beside them.
        passed: the file of the run's folder in which it is remembered what has passed.
    """

    sets: ProblemSets
    prompts: Prompts
    model: LocalModel
    max_tokens: int
    conditions: str
    "What else it depends on: the settings of the grader."
    new_grader: Callable[[], GoldCheck]
    passed: Path
    _known: str = field(default="", init=False)

    def look(self, progress: StageProgress) -> None:
        """Check them, unless they have passed under the same conditions.

        Raises:
            UserError: a prompt that does not fit, or a gold answer that does not grade equal to itself.
        """
        sets, conditions = self.sets, self._conditions()
        if self.passed.is_file() and self.passed.read_bytes().strip() == conditions.encode():
            self._known = conditions
        if conditions == self._known:
            return
        train, heldout = sets.share(enumerate(sets.train, 1)), enumerate(sets.heldout, 1)
        with self.new_grader() as grader:
            check_golds(sets.settings.train, self._that_fit(train), grader, progress)
            check_golds(sets.settings.heldout, heldout, grader, progress)
        self._known = conditions

    def remember(self) -> None:
        """Write into the run's folder that they have passed."""
        write_text(self.passed, self._known + "\n")

    def _conditions(self) -> str:
        """A hash of all that it depends on."""
        sets, room = self.sets, room_for_prompts(self.model, "sample", self.max_tokens)
        about = (sets.train.digest, sets.heldout.digest, str(sets.shard), self.prompts.solve_version)
        return text_hash(json.dumps([*about, self.model.revision, room, self.conditions]))

    def _that_fit(self, problems: Iterable[Numbered]) -> Iterator[Numbered]:
        name, room = self.sets.settings.train, room_for_prompts(self.model, "sample", self.max_tokens)
        for row, problem in problems:
            length = len(self.model.codec.prompt_ids(self.prompts.solve(problem.problem)))
            if length > room:
                raise UserError(
                    f"{name}: row {row} ({problem.id}) is {length} tokens long, and "
                    f"{room} fit beside sample.sampling.max_tokens; lower that, or raise engine.context_length"
                )
            yield row, problem


def room_for_prompts(model: LocalModel, section: str, max_tokens: int) -> int:
    """Tokens that a prompt may have beside a completion of `max_tokens`.

    Args:
        section: of the settings, that says the completion's length as `sampling.max_tokens`.

    Raises:
        UserError: none.
    """
    longest, allowed, context = model.longest, model.allows, model.context_length
    if context > max_tokens:
        return context - max_tokens
    if allowed is not None and (longest is None or allowed <= longest):
        cause, remedy = f"{model.key}={model.name} has {allowed:,} positions", ""
    else:
        cause, remedy = f"engine.context_length={longest}", ", or raise engine.context_length"
    raise UserError(
        f"{section}.sampling.max_tokens={max_tokens}: leaves no token for a prompt ({cause}); lower it, for all stages "
        f"with sampling.max_tokens={context // 2}{remedy}"
    )


def check_golds(name: str, problems: Iterable[Numbered], grader: GoldCheck, progress: StageProgress) -> None:
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


def _chunks(problems: Iterable[Numbered]) -> Iterator[list[Numbered]]:
    rest = iter(problems)
    while chunk := list(islice(rest, _CHUNK)):
        yield chunk
