"""An intervention, its attempt continued from it, and the reasons why a model's answer may hold none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from int_verl.steps import split_steps

Reason = Literal[
    "no_block",  # no intervention block in the answer
    "unclosed_block",  # the block was cut off before its object was complete
    "empty_block",  # the block is empty: the model found no critical error
    "not_parsed",  # there is something in the block, but no object with the two keys
    "empty_content",  # a location, but nothing to insert
    "no_location",  # a content, but no place for it
    "bad_location",  # a location that is not one step number of 1 or more
]
REASONS: tuple[Reason, ...] = get_args(Reason)


class InterventionParseError(ValueError):
    """No intervention could be read from a model's answer; ``reason`` is one of `REASONS`."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class Intervention:
    """One better step and the place where it goes.

    Example: ``Intervention(content="Step 2: times 9, 13 -> 2", location=2)``
    """

    content: str
    """The text to insert, as the model meant it: never empty, may hold blank lines."""

    location: int
    """1-based number of the attempt's step that it replaces."""

    def __post_init__(self) -> None:
        if not isinstance(self.content, str) or not self.content.strip():
            raise ValueError(f"an intervention's content is a string that is not blank, got {self.content!r}")
        if not isinstance(self.location, int) or isinstance(self.location, bool) or self.location < 1:
            raise ValueError(f"an intervention's location is a step number of 1 or more, got {self.location!r}")


def guided_prefix(attempt: str, intervention: Intervention) -> str:
    r"""The attempt's steps before the location, then the intervention, joined by one blank line.

    Example: ``guided_prefix("a\n\nb\n\nc", Intervention("B", 2))`` is ``"a\n\nB"``.
    """
    return "\n\n".join([*split_steps(attempt)[: intervention.location - 1], intervention.content])
