"""An attempt cut: its text into steps, and its tokens at an offset of the text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from int_verl.settings.generation import StepRule
from int_verl.steps.sentences import sentence_starts

_LAST_TWO_NEWLINES_OF_A_RUN = re.compile(r"\n\n(?!\n)")
_FENCE_OR_HEADING = re.compile(r"^ {0,3}(?:(?P<fence>```+|~~~+)|#{1,6}[^\S\n]+\S[^\n]*)", re.M)


def split_steps(text: str) -> list[str]:
    r"""Split an attempt into steps so that ``"\n\n".join(split_steps(text)) == text`` for every text.

    Of a run of more than two newlines the last two separate; the others stay at the end of the step before, so a
    run never makes an empty step between two others.

    >>> split_steps("one\n\ntwo\n\n\nthree")
    ['one', 'two\n', 'three']
    """
    return _LAST_TWO_NEWLINES_OF_A_RUN.split(text)


@dataclass(frozen=True, slots=True)
class Steps:
    r"""Where the steps of a text are.

    Example: ``cut_steps("one\n\ntwo")`` is ``Steps("one\n\ntwo", ((0, 3), (5, 8)))``.
    """

    text: str
    "The whole text; the steps may begin after its start."
    bounds: tuple[tuple[int, int], ...]
    "Beginning and end of each step as offsets in the text, ascending; at least one."

    def __len__(self) -> int:
        return len(self.bounds)

    @property
    def texts(self) -> list[str]:
        return [self.text[start:end] for start, end in self.bounds]

    @property
    def begin(self) -> int:
        """Offset at which the first step begins."""
        return self.bounds[0][0]

    def start(self, location: int) -> int:
        """Offset at which step `location` begins; that of one past the last step is the end of the text."""
        if not 1 <= location <= len(self) + 1:
            raise ValueError(f"location {location} is not in 1..{len(self) + 1}")
        return len(self.text) if location == len(self) + 1 else self.bounds[location - 1][0]

    def joint(self, location: int) -> str:
        """What stands between step `location` and the next; after the last step, what is left of the text."""
        return self.text[self.bounds[location - 1][1] : self.start(location + 1)]


def cut_steps(text: str, by: StepRule = "blank_line", begin: int = 0) -> Steps:
    """The steps of a text from the offset `begin` on. Steps and the joints after them add up to the text.

    - ``blank_line``: as `split_steps`.
    - ``headings``: a Markdown heading (``### ...``) begins a step; what stands before the first heading is one, too. A
      heading with nothing under it belongs to the step of the next heading. Code blocks have no headings.
    - ``sentences``: as `int_verl.steps.sentences` tells them.

    White space between two steps belongs to neither, except the further newlines of a ``blank_line`` run.
    """
    if by == "blank_line":
        joints = [joint.span() for joint in _LAST_TWO_NEWLINES_OF_A_RUN.finditer(text, begin)]
        starts = [begin, *(end for _, end in joints)]
        ends = [*(start for start, _ in joints), len(text)]
        return Steps(text, tuple(zip(starts, ends, strict=True)))
    rule = _heading_starts if by == "headings" else sentence_starts
    first = begin + len(text[begin:]) - len(text[begin:].lstrip())
    starts = [begin, *(start for start in rule(text, begin) if start > first)]
    ends = [*starts[1:], len(text)]
    pieces = zip(starts, ends, strict=True)
    return Steps(text, tuple((start, start + len(text[start:end].rstrip())) for start, end in pieces))


def _heading_starts(text: str, begin: int) -> list[int]:
    starts: list[int] = []
    fence = ""
    end_of_heading = begin
    for line in _FENCE_OR_HEADING.finditer(text, begin):
        if line["fence"]:
            if not fence:
                fence = line["fence"]
            elif line["fence"].startswith(fence):
                fence = ""
        elif not fence:
            if text[end_of_heading : line.start()].strip():
                starts.append(line.start())
            end_of_heading = line.end()
    return starts


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
    """The tokens of the first `cut` characters of an attempt, which is given as sampled, without its end token.

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
