"""An attempt as steps, and the exact tokens of its beginning.

A step is a blank-line separated piece of an attempt. Steps are counted from 1.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

SEPARATOR = "\n\n"
_LAST_TWO_NEWLINES_OF_A_RUN = re.compile(r"\n\n(?!\n)")


class TokenCodec(Protocol):
    """The two directions of a tokenizer, without special tokens added."""

    def encode(self, text: str) -> list[int]: ...

    def decode(self, token_ids: Sequence[int]) -> str: ...


def split_steps(text: str) -> list[str]:
    r"""Split an attempt into steps so that ``"\n\n".join(split_steps(text)) == text`` for every text.

    Of a run of more than two newlines the last two separate; the others stay at the end of the step before, so a
    run never makes an empty step between two others.

    >>> split_steps("one\n\ntwo\n\n\nthree")
    ['one', 'two\n', 'three']
    """
    return _LAST_TWO_NEWLINES_OF_A_RUN.split(text)


def step_start(text: str, location: int) -> int:
    """Character offset at which step `location` (1-based) begins; `location` may be one past the last step.

    Raises:
        ValueError: `location` is out of range.
    """
    if location == 1:
        return 0
    for i, separator in enumerate(_LAST_TWO_NEWLINES_OF_A_RUN.finditer(text), 2):
        if i == location:
            return separator.end()
    if location == len(split_steps(text)) + 1:
        return len(text)
    raise ValueError(f"location {location} is not in 1..{len(split_steps(text)) + 1}")


@dataclass(frozen=True, slots=True)
class Prefix:
    """The tokens of an attempt's beginning."""

    token_ids: tuple[int, ...]
    exact: int
    "How many of them are the attempt's own; the rest was encoded anew because the cut lies inside a token."


def prefix_tokens(codec: TokenCodec, token_ids: Sequence[int], cut: int) -> Prefix:
    """The tokens of the first `cut` characters of an attempt.

    Args:
        codec: tokenizer that `token_ids` come from.
        token_ids: the attempt as sampled, without its end token.
        cut: character offset in ``codec.decode(token_ids)``.

    Returns:
        The attempt's own tokens as far as they end at or before the cut. Only the piece of a token that the cut goes
        through is encoded anew; its text is the same.
    """
    text = codec.decode(token_ids)[:cut]
    low, high = 0, len(token_ids)
    while low < high:  # the most tokens whose text is no longer than the cut
        middle = (low + high + 1) // 2
        if len(codec.decode(token_ids[:middle])) <= cut:
            low = middle
        else:
            high = middle - 1
    # A character of several bytes may be spread over tokens: step back to the last clean boundary.
    while low and not text.startswith(codec.decode(token_ids[:low])):
        low -= 1
    own = tuple(token_ids[:low])
    rest = text[len(codec.decode(own)) :] if own else text
    return Prefix(own + tuple(codec.encode(rest) if rest else ()), low)
