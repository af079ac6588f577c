"""What the way of a problem is made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from int_verl.generate.advice import EarlyWarning
from int_verl.generate.given import NOTHING, Given
from int_verl.generate.prompts import Prompts
from int_verl.generate.sampler import Sampler
from int_verl.grading import BaseGrader
from int_verl.settings.generation import GeneratorSettings

if TYPE_CHECKING:
    from int_verl.generate.conversations.converse import Conversing


class Watcher(Protocol):
    """Told of every row's fate as it happens, for progress display."""

    def count(self, what: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What the way of a problem is made of."""

    policy: Sampler
    "The model that attempts."
    prompts: Prompts
    grader: BaseGrader
    "Judges attempts and guided rollouts."
    settings: GeneratorSettings
    watcher: Watcher
    proposer: Sampler | None = None
    """Another model that writes the guided solutions and verifications; None: the same one. Only text goes from one to
    the other."""
    early: EarlyWarning | None = None
    "Told what became of every completion."
    given: Given = NOTHING
    "Attempts and interventions that need not be drawn."
    conversing: Conversing | None = None
    "Where problems are cases of an environment, and attempts conversations with it."
