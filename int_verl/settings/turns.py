"""Conversations with an environment in the place of problems: the section `turns`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from int_verl.settings.ranges import Name, PositiveFloat, PositiveInt

ToldAs = Literal["system", "user"]


@dataclass(frozen=True, slots=True)
class TurnsSettings:
    environment: Name | None = None
    """FILE.py:NAME or pkg://MODULE:NAME, a class or function that makes the environment; problems are then cases, and
    attempts conversations (docs/turns.md). null: no environment, problems are answered in one piece."""
    options: dict[str, Any] = field(default_factory=dict)
    "What the environment is called with."
    max_turns: PositiveInt = 8
    "Of the policy's, in a conversation."
    turn_tokens: PositiveInt | None = None
    "Most tokens of one turn; null: what is left of the conversation's max_tokens."
    success: float = 1.0
    "The environment's score from which a conversation counts as right."
    hidden: tuple[Name, ...] | None = None
    """Keys of the case (dotted) whose texts an intervention must not use before the partner has said them; null: every
    text and number in the case."""
    told_as: ToldAs = "system"
    "Whose message the prompt prompts.solve is, at the beginning."
    workers: PositiveInt = 4
    "Processes of the environment, and so calls at a time; many for one that waits for a server."
    timeout: PositiveFloat = 60.0
    "Seconds of one call."
    memory_gb: PositiveFloat | None = None
    "What one process may allocate."
