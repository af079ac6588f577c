r"""A verifier's answer as an intervention.

A verifier closes its answer with a tagged block

    <intervention>
    { "content": "Since $n$ is even, ...", "location": 12 }
    </intervention>

and `parse_intervention` reads what models really put there: JSON with raw LaTeX, single or triple quotes, trailing
commas, code fences, unescaped newlines and quotes, ``"location": "Substep 12"``. An empty block says that the
attempt has no critical error. Everything else is an `InterventionParseError` whose ``reason`` is one of `REASONS`.

Which block counts: only text after a closed ``</think>``; there, the last block. A tag in inline code or in a
sentence is a mention, not a block. Without its closing tag a block counts if its object is complete.

All scans run once over the text: the time is linear in its length.
"""

from __future__ import annotations

import re
from itertools import pairwise

from int_verl.interventions.escapes import unescape
from int_verl.interventions.fields import KEY, NONE_WORDS, XML, Incomplete, read_fields
from int_verl.interventions.intervention import Intervention, InterventionParseError

_TAG = re.compile(r"<\s{0,4}(/?)\s{0,4}interventions?\s{0,4}(/?)\s{0,4}>", re.IGNORECASE)
_OBJECT_START = re.compile(
    r"[\s`*]{0,40}(?:json|python|javascript|yaml)?[\s`]{0,40}(?:[\[{]|[\"']?(?:content|location)\b)", re.I
)
_UNOPENED = re.compile(r"\{\s{0,40}[\"']?(?:content|location)\b", re.IGNORECASE)
_NOTHING = re.compile(
    r"(?:null|none|nil|n/?a|nothing|empty|"
    r"no (?:critical |factual |logical )?(?:errors?|mistakes?|intervention)\b.{0,120})",
    re.IGNORECASE | re.DOTALL,
)
_FRAME = " \t\r\n`*;,"
_MAX_LOCATION = 10**6
_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_PLACES = frozenset(("passage", "content", "intervention"))
_PLACEHOLDER_WORDS = _PLACES | frozenset("the your a an new corrected short here goes of this my".split())  # noqa: SIM905
_SHOWN = re.compile(r"[\"']content[\"']\s{0,9}:\s{0,9}\"((?:[^\"\\]|\\.)*)\"", re.IGNORECASE)
_INTEGER = re.compile(r"(?<![0-9.])[0-9]+(?![0-9])(?:\.0+(?![0-9]))?")
_NAMED = re.compile(r"step\W{0,6}(?:number |no\. ?)?#?([0-9]+)", re.IGNORECASE)
_ONE_OF_SEVERAL = re.compile(r"\W*[0-9]+ ?(?:of|/|\(|:|#)")
_NOT_ONE_STEP = re.compile(
    r"[0-9]\.[0-9]*[1-9]|[-−–][0-9]|[0-9] ?(?:[-–—~,&]|to|and|or) ?(?:sub)?-?(?:step)? ?#?[0-9]|\bafter\b", re.I
)


def parse_intervention(text: str) -> Intervention:
    """Read the intervention block of a verifier's answer; raises InterventionParseError, whatever the text."""
    if not isinstance(text, str):
        raise InterventionParseError("no_block")
    text = _after_thinking(text)
    tags = [tag for tag in _TAG.finditer(text) if not _is_inline_code(text, tag)]
    closed_by_opening = False
    for i in range(len(tags) - 1, -1, -1):
        tag, before = tags[i], tags[i - 1] if i else None
        following = tags[i + 1] if i + 1 < len(tags) else None
        if tag[2]:
            raise InterventionParseError("empty_block")
        if tag[1]:
            if before is None or before[1]:
                found = _unopened_object(text, before.end() if before else 0, tag.start())
                if found is not None:
                    return found
            continue
        segment = text[tag.end() : following.start() if following else len(text)]
        if following is not None and following[1]:
            if not _is_mention(segment):
                return _parse_body(segment, closed=True)
        elif following is None and not segment.strip(_FRAME):
            if before is None or before[1] or not _OBJECT_START.match(text, before.end(), tag.start()):
                raise InterventionParseError("unclosed_block")
            closed_by_opening = True  # it stands in the closing tag's place
        elif _OBJECT_START.match(segment):
            return _parse_body(segment, closed=closed_by_opening)
    has_pair = any(not opening[1] and closing[1] for opening, closing in pairwise(tags))
    raise InterventionParseError("not_parsed" if has_pair else "no_block")


def _after_thinking(text: str) -> str:
    """The answer proper: what follows the last ``</think>``, up to a ``<think>`` that never closes."""
    return text.rpartition("</think>")[2].partition("<think>")[0]


def _is_inline_code(text: str, tag: re.Match[str]) -> bool:
    """Whether the tag stands in `single backticks`: the answer talks about the block."""
    before, after = text[max(0, tag.start() - 2) : tag.start()], text[tag.end() : tag.end() + 2]
    return (before.endswith("`") and before != "``") or (after.startswith("`") and after != "``")


def _is_mention(body: str) -> bool:
    """Whether a tagged piece is prose about the block: no brace, no key, and not a way to say "none"."""
    inner = body.strip(_FRAME)
    return (
        bool(inner.strip("[]\"'"))
        and "{" not in inner
        and not (KEY.search(inner) or XML.search(inner) or _says_nothing(inner))
    )


def _says_nothing(inner: str) -> bool:
    return len(inner) < 200 and _NOTHING.fullmatch(inner.strip(" \t\r\n`*\"'().[]{}<>-_")) is not None


def _unopened_object(text: str, start: int, end: int) -> Intervention | None:
    """An object right before a closing tag that nothing opened (the opening tag was part of the prompt)."""
    found = list(_UNOPENED.finditer(text, start, end))
    try:
        return _parse_body(text[found[-1].start() : end], closed=True) if found else None
    except InterventionParseError:
        return None


def _parse_body(body: str, *, closed: bool) -> Intervention:
    inner = body.strip(_FRAME)
    if closed and (not inner.strip("{}[]\"' \t\r\n") or _says_nothing(inner)):
        raise InterventionParseError("empty_block")
    try:
        fields = read_fields(body, closed=closed)
    except Incomplete:
        raise InterventionParseError("unclosed_block") from None
    content, location = _given(fields.get("content"), None), _given(fields.get("location"), " \t\r\n\"'`*.")
    if content is None or is_placeholder(content):
        is_empty = location is None or location.strip() in ("0", "-1")
        raise InterventionParseError("empty_block" if is_empty else "empty_content")
    if location is None:
        raise InterventionParseError("no_location")
    number = _step_number(location)
    if number is None:
        raise InterventionParseError("bad_location")
    return Intervention(content, number)


def is_placeholder(content: str) -> bool:
    """Whether a content is none: marks alone, or words that stand where a content would, as in a prompt's example."""
    words = re.findall(r"\w+", content.lower())
    return not words or (len(words) <= 4 and set(words) <= _PLACEHOLDER_WORDS and bool(set(words) & _PLACES))


def is_example(intervention: Intervention, prompt: str) -> bool:
    """Whether an intervention is the one that the prompt shows as an example of the form."""
    return any(unescape(shown[1]).strip() == intervention.content.strip() for shown in _SHOWN.finditer(prompt))


def _given(value: str | None, frame: str | None) -> str | None:
    """A value that says more, within its frame of marks, than that there is none."""
    return None if value is None or value.strip(frame).lower() in NONE_WORDS else value


def _step_number(text: str) -> int | None:
    """The one step number that a location names: ``12``, ``"12"``, ``"Substep 12"``, ``"12 of 15"``; else None."""
    text = text[:200].split("//")[0].strip()
    if _NOT_ONE_STEP.search(text):
        return None
    numbers = _INTEGER.findall(text)
    if not numbers:
        words = [word for word in re.findall(r"[a-z]+", text.lower()) if word in _WORDS]
        return _WORDS.index(words[0]) + 1 if len(words) == 1 else None
    named = _NAMED.search(text)
    if len(numbers) > 1 and not named and not _ONE_OF_SEVERAL.match(text):
        return None
    digits = named[1] if named else numbers[0].split(".")[0]
    return int(digits) if len(digits) <= 7 and 1 <= int(digits) <= _MAX_LOCATION else None
