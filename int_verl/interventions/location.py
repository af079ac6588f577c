"""The step that an intervention's location names."""

from __future__ import annotations

import re

MAX_LOCATION = 10**6
_WORD_NUMBERS = {
    word: number
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"), 1
    )
}
_INTEGER = re.compile(r"(?<![0-9.])[0-9]+(?![0-9])(?:\.0+(?![0-9]))?")
_NAMED = re.compile(r"step\W{0,6}(?:number |no\. ?)?#?([0-9]+)", re.IGNORECASE)
_ONE_OF_SEVERAL = re.compile(r"\W*[0-9]+ ?(?:of|/|\(|:|#)")
_NOT_ONE_STEP = re.compile(
    r"[0-9]\.[0-9]*[1-9]|[-−–][0-9]|[0-9] ?(?:[-–—~,&]|to|and|or) ?(?:sub)?-?(?:step)? ?#?[0-9]|\bafter\b", re.I
)


def read_location(text: str) -> int | None:
    """The one step number that a location names: ``12``, ``"12"``, ``"Substep 12"``, ``"12 of 15"``; else None."""
    text = text[:200].split("//")[0].strip()
    if _NOT_ONE_STEP.search(text):
        return None
    numbers = _INTEGER.findall(text)
    if not numbers:
        words = [word for word in re.findall(r"[a-z]+", text.lower()) if word in _WORD_NUMBERS]
        return _WORD_NUMBERS[words[0]] if len(words) == 1 else None
    named = _NAMED.search(text)
    if len(numbers) > 1 and not named and not _ONE_OF_SEVERAL.match(text):
        return None
    digits = named[1] if named else numbers[0].split(".")[0]
    return int(digits) if len(digits) <= 7 and 1 <= int(digits) <= MAX_LOCATION else None
