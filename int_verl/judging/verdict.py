"""The verdict in a judge's answer: one block with the right id, at the end, or none at all."""

from __future__ import annotations

import re

from int_verl.judging.fault import Fault
from int_verl.maths.boxes import after_thinking

_NUMBER = re.compile(r"0(\.\d+)?|1(\.0+)?|\.\d+")
_AROUND = " \t\r\n`*_"
"What may stand around a verdict: spaces and markup."


def read_verdict(answer: str, mark: str, *, partial: bool) -> float:
    """The score in ``<verdict id="MARK">...</verdict>``: 1 for ``correct``, 0 for ``incorrect``.

    Thoughts are passed over. Blocks with another id are text: the judge may have quoted them from the response.

    Args:
        partial: a number from 0 to 1 is a verdict as well.

    Raises:
        Fault: there is no such block, more than one, something after it, or no verdict in it.
    """
    said = after_thinking(answer)
    if said is None:
        raise Fault("no_verdict", "the thinking never ends")
    openings = re.findall(rf"<verdict\s+id\s*=\s*[\"']?{mark}", said)
    if len(openings) != 1:
        raise Fault("several_verdicts" if openings else "no_verdict", f"{len(openings)} blocks with the right id")
    block = re.search(rf"<verdict\s+id\s*=\s*[\"']?{mark}[\"']?\s*>([^<]*)</verdict>(.*)", said, re.DOTALL)
    if block is None or block[2].strip(f"{_AROUND}."):
        raise Fault("no_verdict", "the block is broken, or not the end of the answer")
    word = block[1].strip(_AROUND).removesuffix(".").casefold()
    if word in ("correct", "incorrect"):
        return float(word == "correct")
    if partial and _NUMBER.fullmatch(word):
        return float(word)
    raise Fault("no_verdict", f"the block says {word[:40]!r}")
