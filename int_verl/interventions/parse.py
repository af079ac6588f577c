r"""An intervention: parsed from what a model wrote, and spliced into an attempt.

A verifier closes its answer with a tagged block

    <intervention>
    { "content": "Since $n$ is even, ...", "location": 12 }
    </intervention>

and `parse_intervention` reads what models really put there: JSON with raw LaTeX, single or triple quotes, trailing
commas, code fences, unescaped newlines and quotes, ``"location": "Substep 12"``. An empty block says that the
attempt has no critical error. Everything else is an `InterventionParseError` whose ``reason`` is one of `REASONS`.

Which block counts: only text after a closed ``</think>``; there, the last block. A tag in inline code or in a
sentence is a mention, not a block. Without its closing tag a block counts if its object is complete.

Backslashes are read by `int_verl.interventions.escapes`. All scans run once over the text: the time is linear in its
length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, get_args

from int_verl.interventions.escapes import unescape
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
MAX_LOCATION = 10**6
MAX_QUOTES = 5_000  # unescaped ones in a content; a content with more is no text


class InterventionParseError(ValueError):
    """No intervention could be read from a model's answer; ``reason`` is one of `REASONS`."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class Intervention:
    """One better step and the place where it goes.

    Example:
        Intervention(content="Step 2: times 9, 13 -> 2", location=2)
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

    Example:
        guided_prefix("a\n\nb\n\nc", Intervention("B", 2)) == "a\n\nB"
    """
    return "\n\n".join([*split_steps(attempt)[: intervention.location - 1], intervention.content])


# ---------------------------------------------------------------------------------------------------------- blocks

_TAG = re.compile(r"<\s{0,4}(/?)\s{0,4}interventions?\s{0,4}(/?)\s{0,4}>", re.IGNORECASE)
_OBJECT_START = re.compile(
    r"[\s`*]{0,40}(?:json|python|javascript|yaml)?[\s`]{0,40}(?:[\[{]|[\"']?(?:content|location)\b)", re.I
)
_NOTHING = re.compile(
    r"(?:null|none|nil|n/?a|nothing|empty|"
    r"no (?:critical |factual |logical )?(?:errors?|mistakes?|intervention)\b.{0,120})",
    re.IGNORECASE | re.DOTALL,
)
_FRAME = " \t\r\n`*;,"


def parse_intervention(text: str) -> Intervention:
    """Read the intervention block of a verifier's answer.

    Raises:
        InterventionParseError: with the reason; nothing else is raised, whatever the text.
    """
    if not isinstance(text, str):
        raise InterventionParseError("no_block")
    text = _after_thinking(text)
    tags = [m for m in _TAG.finditer(text) if not _is_inline_code(text, m)]
    end_of_text = True
    for i in range(len(tags) - 1, -1, -1):
        tag = tags[i]
        following = tags[i + 1] if i + 1 < len(tags) else None
        if tag[2]:
            raise InterventionParseError("empty_block")
        if tag[1]:
            if i == 0 or tags[i - 1][1]:
                start = tags[i - 1].end() if i else 0
                found = _unopened_object(text, start, tag.start())
                if found is not None:
                    return found
            continue
        segment = text[tag.end() : following.start() if following else len(text)]
        if following is not None and following[1]:
            if _is_mention(segment):
                continue
            return _parse_body(segment, closed=True)
        if following is None and not segment.strip(_FRAME):
            end_of_text = False
            if i and not tags[i - 1][1] and _OBJECT_START.match(text, tags[i - 1].end(), tag.start()):
                continue  # an opening tag in the closing tag's place
            raise InterventionParseError("unclosed_block")
        if _OBJECT_START.match(segment):
            return _parse_body(segment, closed=not end_of_text)
    has_pair = any(not opening[1] and closing[1] for opening, closing in pairwise(tags))
    raise InterventionParseError("not_parsed" if has_pair else "no_block")


def _after_thinking(text: str) -> str:
    """The answer proper: what follows the last ``</think>``, up to a ``<think>`` that never closes."""
    text = text[text.rfind("</think>") + len("</think>") :] if "</think>" in text else text
    opening = text.find("<think>")
    return text if opening < 0 else text[:opening]


def _is_inline_code(text: str, tag: re.Match[str]) -> bool:
    """Whether the tag stands in `single backticks`: the answer talks about the block."""
    before, after = text[max(0, tag.start() - 2) : tag.start()], text[tag.end() : tag.end() + 2]
    return (before.endswith("`") and not before.endswith("``")) or (
        after.startswith("`") and not after.startswith("``")
    )


def _is_mention(body: str) -> bool:
    """Whether a tagged piece is prose about the block: no brace, no key, and not a way to say "none"."""
    inner = body.strip(_FRAME)
    return (
        bool(inner.strip("[]\"'"))
        and "{" not in inner
        and not (_KEY.search(inner) or _XML.search(inner) or _says_nothing(inner))
    )


def _says_nothing(inner: str) -> bool:
    return len(inner) < 200 and _NOTHING.fullmatch(inner.strip(" \t\r\n`*\"'().[]{}<>-_")) is not None


def _unopened_object(text: str, start: int, end: int) -> Intervention | None:
    """An object right before a closing tag that nothing opened (the opening tag was part of the prompt)."""
    found = list(_UNOPENED.finditer(text, start, end))
    if not found:
        return None
    try:
        return _parse_body(text[found[-1].start() : end], closed=True)
    except InterventionParseError:
        return None


# ---------------------------------------------------------------------------------------------------------- object

_KEY = re.compile(r"[\"'“‘`*]{0,3}\b(content|location)\b[\"'”’`*]{0,3}\s{0,20}[:=]", re.IGNORECASE)
_UNOPENED = re.compile(r"\{\s{0,40}[\"']?(?:content|location)\b", re.IGNORECASE)
_ANY_KEY = re.compile(r"([\"'“‘`]?)([A-Za-z_][A-Za-z_ ]{0,39})[\"'”’`]?\s{0,20}[:=](?!=)")
_LINE_KEY = re.compile(
    r"^[ \t>*\-]{0,8}[\"'*]{0,3}(content|location)[\"'*]{0,3}[ \t]{0,8}[:=]\**", re.IGNORECASE | re.MULTILINE
)
_XML = re.compile(r"<\s?(/?)(content|location)\s?>", re.IGNORECASE)
_STRING_OPEN = re.compile(r"(?:[rRfFbBuU]{1,2}(?=[\"']))?(\"\"\"|'''|```|\"|'|“|‘|`)")
_CLOSING_QUOTE = {"“": "”", "‘": "’"}
_BARE_END = re.compile(r"[,}\n]")
_DOUBLE_ENCODED = re.compile(r"[\s`a-z\[]{0,40}\{(?:\s|\\n){0,40}\\\"")
_NONE_WORDS = frozenset(("", "none", "null", "nil", "n/a", "na", "nothing"))


class _Malformed(Exception):
    """The object cannot be walked key by key."""


class _Incomplete(Exception):
    """The text ends before the object does."""


def _parse_body(body: str, *, closed: bool) -> Intervention:
    inner = body.strip(_FRAME)
    if closed and (not inner.strip("{}[]\"' \t\r\n") or _says_nothing(inner)):
        raise InterventionParseError("empty_block")
    if _DOUBLE_ENCODED.match(body):
        body = re.sub(r"\\(n|.)", lambda m: "\n" if m[1] == "n" else m[1], body)
    try:
        values = _walk(body, closed=closed)
    except _Incomplete:
        raise InterventionParseError("unclosed_block") from None
    except _Malformed:
        if not closed:
            raise InterventionParseError("unclosed_block") from None
        values = _search(body)
    return _build(values)


def _build(values: dict[str, str | None]) -> Intervention:
    content, location = values.get("content"), values.get("location")
    no_content = content is None or content.strip().lower() in _NONE_WORDS
    no_location = location is None or location.strip(" \t\r\n\"'`*.").lower() in _NONE_WORDS
    if no_content and (no_location or (location is not None and location.strip() in ("0", "-1"))):
        raise InterventionParseError("empty_block")
    if content is None or no_content:
        raise InterventionParseError("empty_content")
    if location is None or no_location:
        raise InterventionParseError("no_location")
    number = _read_location(location)
    if number is None:
        raise InterventionParseError("bad_location")
    return Intervention(content, number)


def _walk(body: str, *, closed: bool) -> dict[str, str | None]:
    """Key by key through the object; the last object of a list counts."""
    position = body.find("{") + 1
    if position == 0:
        key = _KEY.search(body)
        if key is None or not (key[0][0] in "\"'" or _STRING_OPEN.match(body, _skip(body, key.end()))):
            raise _Malformed
        position = key.start()
    values: dict[str, str | None] = {}
    while True:
        position = _skip(body, position, extra=",")
        if position >= len(body):
            if not closed:
                raise _Incomplete
            break
        if body[position] == "}":
            after = _skip(body, position + 1, extra=",")
            if after < len(body) and body[after] == "{" and values:
                values, position = {}, after + 1
                continue
            break
        key = _ANY_KEY.match(body, position)
        if key is None:
            if values.keys() >= {"content", "location"} and closed:
                break
            raise _Malformed
        name = key[2].strip().lower()
        position = _skip(body, key.end())
        is_string = _STRING_OPEN.match(body, position) is not None
        start = position
        value, position = _value(body, position, closed=closed)
        if name == "content" and value is not None and not is_string:
            if body[start] in "[{":
                raise InterventionParseError("not_parsed")  # which of its strings, and joined by what?
            raise _Malformed  # no quotes around it
        values[name] = value
    if "content" not in values and "location" not in values and values:
        raise _Malformed
    return values


def _value(body: str, position: int, *, closed: bool) -> tuple[str | None, int]:
    opening = _STRING_OPEN.match(body, position)
    if opening is not None:
        quote = opening[1]
        end = _string_end(body, opening.end(), _CLOSING_QUOTE.get(quote, quote), closed=closed)
        raw = body[opening.end() : end]
        return unescape(_strip_layout(raw)), end + len(quote)
    if position < len(body) and body[position] in "{[":
        end = _nested_end(body, position)
        return body[position:end], end
    ending = _BARE_END.search(body, position)
    if ending is None and not closed:
        raise _Incomplete  # the number itself may be cut: 1 of 12
    end = ending.start() if ending else len(body)
    bare = body[position:end].strip(" \t\r\n`")
    return (None if bare.lower() in _NONE_WORDS else bare), end


def _string_end(body: str, start: int, quote: str, *, closed: bool) -> int:
    """Index of the quote that closes a string: the first unescaped one before a key, or before the object's end.

    Models leave quotes inside a content unescaped, so a quote alone says nothing.
    """
    fallback = -1
    position = start
    candidates = 0
    while candidates < MAX_QUOTES:
        position = body.find(quote, position)
        if position < 0:
            break
        if _escaped(body, position, start):
            position += 1
            continue
        candidates += 1
        if len(quote) == 3:
            while body.startswith(quote, position + 1):
                position += 1
        after = _skip(body, position + len(quote))
        if after >= len(body):
            if closed:
                return position
            break
        comma = body[after] == ","
        following = _skip(body, after + 1) if comma else after
        if following < len(body) and body[following] in "}]":
            if _ends_object(body, following):
                return position
            if fallback < 0:
                fallback = position
        elif following >= len(body):
            if closed:
                return position
        else:
            key = _ANY_KEY.match(body, following)
            if key is not None and (key[2].lower() in ("content", "location") or (comma and key[1])):
                return position
        position += 1
    if fallback >= 0:
        return fallback
    raise _Malformed if closed else _Incomplete


def _escaped(body: str, position: int, start: int) -> bool:
    """Whether an odd number of backslashes precedes (each run is counted once per quote that ends it)."""
    run = position
    while run > start and body[run - 1] == "\\":
        run -= 1
    return (position - run) % 2 == 1


def _ends_object(body: str, position: int) -> bool:
    """Whether only closing marks, or the next object of a list, follow the brace."""
    end = position
    while end < len(body) and body[end] in " \t\r\n`}],;*":
        end += 1
    return end >= len(body) or body[end] == "{" or body.startswith(("//", "#"), end)


def _nested_end(body: str, position: int) -> int:
    """End of a nested object or list; strings in it are skipped by their plain quotes."""
    depth, in_string = 0, False
    while position < len(body):
        character = body[position]
        if in_string:
            if character == "\\":
                position += 1
            elif character == '"':
                in_string = False
        elif character == '"':
            in_string = True
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
            if depth == 0:
                return position + 1
        position += 1
    raise _Malformed


def _skip(body: str, position: int, extra: str = "") -> int:
    """Past white space, list brackets' commas and short line comments."""
    length = len(body)
    while position < length:
        character = body[position]
        if character.isspace() or character in extra:
            position += 1
        elif character == "#" or body.startswith("//", position):
            newline = body.find("\n", position, position + 160)
            if newline < 0:
                return position
            position = newline + 1
        else:
            break
    return position


def _strip_layout(raw: str) -> str:
    """Without real line breaks right inside the quotes: JSON has none, so they are layout."""
    raw = raw.replace("\r\n", "\n")
    left = raw.lstrip(" \t\r\n")
    if "\n" in raw[: len(raw) - len(left)]:
        raw = left
    right = raw.rstrip(" \t\r\n")
    return right if "\n" in raw[len(right) :] else raw


def _search(body: str) -> dict[str, str | None]:
    """Keys without a walkable object: ``content: ...`` lines, XML-like fields, a quote that was never closed."""
    fields = list(_XML.finditer(body))
    if len(fields) >= 2:
        values: dict[str, str | None] = {}
        for opening, closing in pairwise(fields):
            if not opening[1] and closing[1] and opening[2].lower() == closing[2].lower():
                values[opening[2].lower()] = unescape(body[opening.end() : closing.start()].strip())
        if values:
            return values
    braced = "{" in body
    keys = list((_KEY if braced else _LINE_KEY).finditer(body))
    content = next((k for k in keys if k[1].lower() == "content"), None)
    locations = [k for k in keys if k[1].lower() == "location"]
    if content is None or (braced and not locations):
        if locations and content is None:
            return {"location": body[locations[-1].end() :][:200]}
        raise InterventionParseError("not_parsed")
    values = {}
    after = [k for k in locations if k.start() > content.start()]
    content_end = len(body)
    if after:
        content_end = after[-1].start()
        values["location"] = body[after[-1].end() :][:200].strip(" \t\r\n`}],;*")
    elif locations:
        values["location"] = body[locations[0].end() : content.start()][:200].strip(" \t\r\n`}],;*")
    raw = body[content.end() : content_end].strip(" \t\r\n")
    raw = raw.rstrip(" \t\r\n,`") if after else raw.rstrip(" \t\r\n`}],;")
    for quote in ('"""', "'''", '"', "'"):
        if raw.startswith(quote):
            raw = raw[len(quote) :].removesuffix(quote)
            break
    values["content"] = unescape(_strip_layout(raw))
    return values


_WORD_NUMBERS = {
    word: number
    for number, word in enumerate(
        ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"), 1
    )
}
_INTEGER = re.compile(r"(?<![0-9.])[0-9]+(?![0-9])(?:\.0+(?![0-9]))?")
_NOT_ONE_STEP = re.compile(
    r"[0-9]\.[0-9]*[1-9]|[-−–][0-9]|[0-9] ?(?:[-–—~,&]|to|and|or) ?(?:sub)?-?(?:step)? ?#?[0-9]|\bafter\b", re.I
)


def _read_location(text: str) -> int | None:
    """The one step number that a location names: ``12``, ``"12"``, ``"Substep 12"``, ``"12 of 15"``; else None."""
    text = text[:200].split("//")[0].strip()
    if _NOT_ONE_STEP.search(text):
        return None
    numbers = _INTEGER.findall(text)
    if not numbers:
        words = [w for w in re.findall(r"[a-z]+", text.lower()) if w in _WORD_NUMBERS]
        return _WORD_NUMBERS[words[0]] if len(words) == 1 else None
    named = re.search(r"step\W{0,6}(?:number |no\. ?)?#?([0-9]+)", text, re.IGNORECASE)
    digits = named[1] if named else numbers[0].split(".")[0]
    if len(numbers) > 1 and not named and not re.match(r"\W*[0-9]+ ?(?:of|/|\(|:|#)", text):
        return None
    if len(digits) > 7:
        return None
    number = int(digits)
    return number if 1 <= number <= MAX_LOCATION else None
