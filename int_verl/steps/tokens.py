"""The exact tokens of an attempt's beginning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class TokenCodec(Protocol):
    """A tokenizer's way back to text, special tokens included."""

    def decode(self, token_ids: Sequence[int]) -> str: ...


@dataclass(frozen=True, slots=True)
class Prefix:
    """The beginning of an attempt, as tokens of its own and the piece of a token that is left over."""

    token_ids: tuple[int, ...]
    "The attempt's own tokens that end at or before the cut."
    rest: str
    "The text from there to the cut, which lies inside a token; mostly empty."


def prefix_tokens(codec: TokenCodec, token_ids: Sequence[int], cut: int) -> Prefix:
    """The tokens of the first `cut` characters of an attempt.

    Args:
        codec: tokenizer that `token_ids` come from.
        token_ids: the attempt as sampled, without its end token.
        cut: character offset in ``codec.decode(token_ids)``.

    Returns:
        ``codec.decode(prefix.token_ids) + prefix.rest`` is the attempt's text up to the cut. The rest is to be encoded
        together with what follows it, so that a word keeps the space before it in one token.
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
    return Prefix(tuple(token_ids[:low]), text[len(codec.decode(token_ids[:low])) :] if low else text)
