"""What happened to a rollout, as it travels with it to where metrics and dumps are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from int_verl.rl.online.plan import AGENT


@dataclass(slots=True)
class Tried:
    """One verification and what came of it."""

    status: str
    "`proposed`, or why there is no intervention."
    reward: float | None = None
    "Of the response that goes on from the intervention; None: there is none, for want of room or budget."
    right: bool = False
    returned: bool = False
    "Whether it is the response that verl was given."
    verification: str = ""
    content: str = ""
    location: int | None = None
    continuation: str = ""


@dataclass(slots=True)
class Record:
    """A rollout of the agent loop. Texts are there only if they are to be dumped."""

    id: str
    step: int
    rollout: int
    reward_without: float
    "Of the attempt."
    attempt_tokens: int
    extra_tokens: int = 0
    "New tokens of guided solution, verifications and continuations."
    skipped: str = ""
    "Why no intervention was asked for: right, group_share, group_reward, an outcome; nothing where one was."
    attempt: str = ""
    tried: list[Tried] = field(default_factory=list)

    def written(self) -> dict[str, Any]:
        """As plain values, which verl carries as `extra_fields`."""
        return asdict(self)

    @staticmethod
    def of(extra_fields: Any) -> Record | None:
        """The record among a rollout's `extra_fields`, if it is one of this agent loop."""
        written = extra_fields.get(AGENT) if isinstance(extra_fields, Mapping) else None
        if written is None:
            return None
        return Record.read(written)

    @staticmethod
    def read(written: Mapping[str, Any]) -> Record:
        """``Record.read(record.written()) == record``."""
        return Record(**{**written, "tried": [Tried(**one) for one in written["tried"]]})
