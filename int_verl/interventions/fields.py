"""Content and location of an intervention block, from whatever a model wrote there.

First key by key, as through JSON that may have raw LaTeX, any kind of quotes, unescaped newlines and quotes, trailing
commas and comments. What cannot be walked so is searched for the two keys. All scans run once over the text.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from itertools import pairwise

from int_verl.interventions.escapes import unescape
from int_verl.interventions.intervention import InterventionParseError

MAX_QUOTES = 5_000  # unescaped ones in a content; a content with more is no text
NONE_WORDS = frozenset(("", "none", "null", "nil", "n/a", "na", "nothing"))
KEY = re.compile(r"[\"'“‘`*]{0,3}\b(content|location)\b[\"'”’`*]{0,3}\s{0,20}[:=]", re.IGNORECASE)
XML = re.compile(r"<\s?(/?)(content|location)\s?>", re.IGNORECASE)
_ANY_KEY = re.compile(r"([\"'“‘`]?)([A-Za-z_][A-Za-z_ ]{0,39})[\"'”’`]?\s{0,20}[:=](?!=)")
_LINE_KEY = re.compile(
    r"^[ \t>*\-]{0,8}[\"'*]{0,3}(content|location)[\"'*]{0,3}[ \t]{0,8}[:=]\**", re.IGNORECASE | re.MULTILINE
)
_STRING_OPEN = re.compile(r"(?:[rRfFbBuU]{1,2}(?=[\"']))?(\"\"\"|'''|```|\"|'|“|‘|`)")
_CLOSING_QUOTE = {"“": "”", "‘": "’"}
_BARE_END = re.compile(r"[,}\n]")
_DOUBLE_ENCODED = re.compile(r"[\s`a-z\[]{0,40}\{(?:\s|\\n){0,40}\\\"")
_COMMENT = r"#[^\n]{0,158}\n|//[^\n]{0,157}\n"
_LAYOUT = re.compile(rf"(?:\s+|{_COMMENT})*")
_LAYOUT_AND_COMMAS = re.compile(rf"(?:[\s,]+|{_COMMENT})*")
_AFTER_OBJECT = re.compile(r"[ \t\r\n`}\],;*]*(?:\Z|\{|//|#)")
_LOCATION = re.compile(
    r"""(?P<quote>["'`])(?:(?!(?P=quote))[^\n])*(?P=quote)|"""
    r"""\**(?:[A-Za-z ]{0,20}\#?[0-9][^"'`*{}\n,]{0,40}|[A-Za-z]{1,8})\**"""
)
_OTHER_VALUE = re.compile(r"[\"'“‘`{\[]|(?:-?[0-9.]+|true|false|null|none)\s*[,}\]\n]", re.IGNORECASE)
_BLOCK_SCALAR = re.compile(r"([|>])[-+0-9]{0,2}[ \t]*\n")
_NESTED = re.compile(r'"(?:[^"\\]|\\.)*"?|[{\[]|[}\]]', re.DOTALL)

Fields = dict[str, str | None]
"Lower-case name -> value as text, or None where it says that there is none."


class Incomplete(Exception):
    """The text ends before the object does."""


class _Malformed(Exception):
    """The object cannot be walked key by key."""


def read_fields(body: str, *, closed: bool) -> Fields:
    """The fields of a block's object; of a list of objects, those of the last.

    Args:
        closed: the block has a closing tag; an object in one that has none must be complete.

    Raises:
        Incomplete, InterventionParseError: it is not; there is none.
    """
    if _DOUBLE_ENCODED.match(body):
        body = re.sub(r"\\(n|.)", lambda m: "\n" if m[1] == "n" else m[1], body)
    try:
        return _walk(body, closed=closed)
    except _Malformed:
        if not closed:
            raise Incomplete from None
    return _xml_fields(body) or _searched_fields(body)


def _walk(body: str, *, closed: bool) -> Fields:
    position = _first_key(body)
    values: Fields = {}
    while True:
        position = _after(_LAYOUT_AND_COMMAS, body, position)
        if position >= len(body):
            if not closed:
                raise Incomplete
            break
        if body[position] == "}":
            position = _after(_LAYOUT_AND_COMMAS, body, position + 1)
            if not (values and body.startswith("{", position)):
                break
            values, position = {}, position + 1
            continue
        key = _ANY_KEY.match(body, position)
        if key is None:
            if closed and values.keys() >= {"content", "location"}:
                break
            raise _Malformed
        name, start = key[2].strip().lower(), _after(_LAYOUT, body, key.end())
        values[name], position = _value(body, start, closed=closed)
        if name == "content" and values[name] is not None and not _STRING_OPEN.match(body, start):
            if body[start] in "[{":
                raise InterventionParseError("not_parsed")  # which of its strings, and joined by what?
            raise _Malformed  # no quotes around it
    if values and not values.keys() & {"content", "location"}:
        raise _Malformed
    return values


def _first_key(body: str) -> int:
    """Where to begin: behind the first brace, or at a quoted key or value without one."""
    if "{" in body:
        return body.index("{") + 1
    key = KEY.search(body)
    if key is None or not (key[0][0] in "\"'" or _STRING_OPEN.match(body, _after(_LAYOUT, body, key.end()))):
        raise _Malformed
    return key.start()


def _value(body: str, position: int, *, closed: bool) -> tuple[str | None, int]:
    """A value, and where it ends."""
    opening = _STRING_OPEN.match(body, position)
    if opening is not None:
        quote = opening[1]
        end = _string_end(body, opening.end(), _CLOSING_QUOTE.get(quote, quote), closed=closed)
        return unescape(_strip_layout(_joined(body[opening.end() : end], quote))), end + len(quote)
    if body.startswith(("{", "["), position):
        end = _nested_end(body, position)
        return body[position:end], end
    ending = _BARE_END.search(body, position)
    if ending is None and not closed:
        raise Incomplete  # the number itself may be cut: 1 of 12
    end = ending.start() if ending else len(body)
    bare = body[position:end].strip(" \t\r\n`")
    return (None if bare.lower() in NONE_WORDS else bare), end


def _string_end(body: str, start: int, quote: str, *, closed: bool) -> int:
    """Index of the quote that closes a string: the first unescaped one before a key, or before the object's end.

    Models leave quotes inside a content unescaped, so a quote alone says nothing.
    """
    fallback = -1
    for position in _unescaped(body, start, quote):
        following = _after(_LAYOUT, body, position + len(quote))
        comma = body.startswith(",", following)
        if comma:
            following = _after(_LAYOUT, body, following + 1)
        if following >= len(body):
            if closed:
                return position
        elif body[following] in "}]":
            if _AFTER_OBJECT.match(body, following):
                return position
            fallback = fallback if fallback >= 0 else position
        else:
            key = _ANY_KEY.match(body, following)
            if key is not None and _is_key(body, key, comma=comma):
                return position
    if fallback >= 0:
        return fallback
    raise _Malformed if closed else Incomplete


def _is_key(body: str, key: re.Match[str], *, comma: bool) -> bool:
    """Whether what looks like a key after a string has a value as that key has, and is no word of a quotation."""
    name, start = key[2].lower(), _after(_LAYOUT, body, key.end())
    if name == "content":
        return _STRING_OPEN.match(body, start) is not None or _BLOCK_SCALAR.match(body, start) is not None
    if name != "location":
        return comma and bool(key[1]) and _OTHER_VALUE.match(body, start) is not None
    value = _LOCATION.match(body, start)
    if value is None:
        return start >= len(body) or body[start] in "[{"
    following = _after(_LAYOUT_AND_COMMAS, body, value.end())
    return following >= len(body) or body[following] in "`}]*;" or _ANY_KEY.match(body, following) is not None


def _joined(inside: str, quote: str) -> str:
    """A string that was written in pieces, ``"a" + "b"``, as one; quotes that stand for themselves stay."""
    joint = re.compile(rf"{re.escape(quote)}(?:[ \t]*\+\s*|\s*\n\s*){re.escape(quote)}")
    quotes = sum(1 for _ in _unescaped(inside, 0, quote))
    return joint.sub("", inside) if quotes and quotes == 2 * len(joint.findall(inside)) else inside


def _unescaped(body: str, start: int, quote: str) -> Iterator[int]:
    """Where the quote stands after an even number of backslashes; of a run of triple quotes, the last."""
    position, found = start, 0
    while found < MAX_QUOTES and (position := body.find(quote, position)) >= 0:
        run = position  # of backslashes; each is counted once, for the quote that ends it
        while run > start and body[run - 1] == "\\":
            run -= 1
        if (position - run) % 2 == 0:
            while len(quote) == 3 and body.startswith(quote, position + 1):
                position += 1
            found += 1
            yield position
        position += 1


def _nested_end(body: str, position: int) -> int:
    """End of a nested object or list; strings in it are skipped by their plain quotes."""
    depth = 0
    for token in _NESTED.finditer(body, position):
        depth += 1 if token[0] in "{[" else -1 if token[0] in "}]" else 0
        if depth == 0:
            return token.end()
    raise _Malformed


def _after(layout: re.Pattern[str], body: str, position: int) -> int:
    """Past white space and short line comments."""
    skipped = layout.match(body, position)
    return skipped.end() if skipped else position


def _strip_layout(raw: str) -> str:
    """Without real line breaks right inside the quotes: JSON has none, so they are layout."""
    raw = raw.replace("\r\n", "\n")
    left = raw.lstrip(" \t\r\n")
    if "\n" in raw[: len(raw) - len(left)]:
        raw = left
    right = raw.rstrip(" \t\r\n")
    return right if "\n" in raw[len(right) :] else raw


def _xml_fields(body: str) -> Fields:
    """``<content>...</content>``; empty if there are none."""
    return {
        opening[2].lower(): unescape(body[opening.end() : closing.start()].strip())
        for opening, closing in pairwise(XML.finditer(body))
        if not opening[1] and closing[1] and opening[2].lower() == closing[2].lower()
    }


def _searched_fields(body: str) -> Fields:
    """Keys without a walkable object: ``content: ...`` lines, a quote that was never closed."""
    braced = "{" in body
    keys = list((KEY if braced else _LINE_KEY).finditer(body))
    content = next((key for key in keys if key[1].lower() == "content"), None)
    locations = [key for key in keys if key[1].lower() == "location"]
    if content is None and locations:
        return {"location": body[locations[-1].end() :][:200]}
    if content is None or (braced and not locations):
        raise InterventionParseError("not_parsed")
    values: Fields = {}
    raw = body[content.end() :].strip(" \t\r\n").rstrip(" \t\r\n`}],;")
    if locations and locations[-1].start() > content.start():
        values["location"] = body[locations[-1].end() :][:200].strip(" \t\r\n`}],;*")
        raw = body[content.end() : locations[-1].start()].strip(" \t\r\n").rstrip(" \t\r\n,`")
    elif locations:
        values["location"] = body[locations[0].end() : content.start()][:200].strip(" \t\r\n`}],;*")
    quote = next((quote for quote in ('"""', "'''", '"', "'") if raw.startswith(quote)), "")
    block = _BLOCK_SCALAR.match(raw)
    if block:
        values["content"] = _block_scalar(raw[block.end() :], folded=block[1] == ">")
    else:
        values["content"] = unescape(_strip_layout(raw.removeprefix(quote).removesuffix(quote)))
    return values


def _block_scalar(text: str, *, folded: bool) -> str:
    """YAML's text in lines, without its indentation; folded: lines are joined, empty ones kept as breaks."""
    lines = textwrap.dedent(text).strip("\n")
    return re.sub(r"(?<!\n)\n(?!\n)", " ", lines) if folded else lines
