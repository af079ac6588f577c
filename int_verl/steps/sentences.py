r"""Where sentences begin in the prose of a solution, with its mathematics and code left whole.

A sentence ends at ``.``, ``!`` or ``?`` (with closing quotes, brackets and marks after it) before white space and
something that can begin a sentence, at a blank line, and before a heading or an item of a list. It does not end

- inside ``$...$``, ``$$...$$``, ``\(...\)``, ``\[...\]``, ``\begin{...}...\end{...}`` or code, but right after one
  that closes with a full stop, as in ``$x = 3.$ Then``;
- inside a decimal (no white space follows), after an abbreviation (``e.g.``, ``Eq.``) or after the label of an item or
  a paragraph (``2.``, ``Step 2.`` at the beginning of a line).

The time is linear in the length of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_FENCE = re.compile(r" {0,3}```")
_OPENING = re.compile(r"\\[A-Za-z]+|\\.|\$\$|\$(?=\S)|`+", re.DOTALL)
_ENVIRONMENT = re.compile(r"\{[A-Za-z]{1,20}\*?\}")
_BLANK_LINE = re.compile(r"\n[^\S\n]*\n\s*")
_LINE_START = re.compile(r"\n[^\S\n]*(?=#{1,6}\s|[-*+]\s+\S|\(?\d{1,3}[.)]\s+\S)")
_END = re.compile(r"(?<![.!?。！？])[.!?。！？]+[\"'”’)\]}*_]*\s+(?=[^a-z\s,;:)\]}=<>+/.!?])")
_FULL_STOP_INSIDE = re.compile(r"[.!?]\s*\Z")
_AFTER_MATHS = re.compile(r"[\"'”’)\]*_]*\s+(?=[A-Z\"“(*])")
_AFTER_BLOCK = re.compile(r"[^\S\n]*\n\s*")
_LAST_WORD = re.compile(r"[\w.\\]*\Z")
_LABEL = re.compile(r"\n[^\S\n]*[(*_]*(?:(?:sub)?step |case |claim |lemma |part )?(?:\d{1,3}|[a-z]|[ivx]{1,4})\Z", re.I)
_LONGEST_BEFORE = 24
_ABBREVIATIONS = frozenset(
    """e.g i.e cf viz resp vs w.r.t s.t a.k.a approx ca al pp eq eqs eqn fig figs sec thm lem prop cor def ineq dr mr
    mrs ms prof st vol refs""".split()  # noqa: SIM905
)


def sentence_starts(text: str, begin: int = 0) -> list[int]:
    """Offsets at which sentences begin, ascending; the first is `begin`.

    >>> text = "So $x = 2.5$, e.g. in Eq. 3. Then $y = 4.$ Done."
    >>> [text[start : start + 4] for start in sentence_starts(text)]
    ['So $', 'Then', 'Done']
    """
    starts = {begin}
    position = begin
    for start, end in [*_whole_pieces(text, begin), (len(text), len(text))]:
        starts.update(_breaks(text, position, start))
        position = end
        if start < end and (after := _sentence_after(text, start, end)) is not None:
            starts.add(after)
            position = after
    return sorted(start for start in starts if start == begin or begin < start < len(text))


def _breaks(text: str, start: int, end: int) -> Iterator[int]:
    """Beginnings of sentences after the first in a stretch of prose; mathematics, code or nothing follows at `end`."""
    for pattern in (_BLANK_LINE, _LINE_START):
        for found in pattern.finditer(text, start, end):
            yield found.end()
    for found in _END.finditer(text, start, end + 1):
        if not (found[0].startswith(".") and _is_inner_stop(text, found.start())):
            yield found.end()


def _is_inner_stop(text: str, stop: int) -> bool:
    """Whether the full stop belongs to an abbreviation or a label."""
    before = ("\n" if stop <= _LONGEST_BEFORE else "") + text[max(0, stop - _LONGEST_BEFORE) : stop]
    word = _LAST_WORD.search(before)
    return (word is not None and word[0].lower() in _ABBREVIATIONS) or _LABEL.search(before) is not None


def _sentence_after(text: str, start: int, end: int) -> int | None:
    """Where the next sentence begins if mathematics or a block of code closes one."""
    if text.startswith("```", start):
        following = _AFTER_BLOCK.match(text, end)
    elif text[start] != "`" and _FULL_STOP_INSIDE.search(text[max(start, end - 40) : end].rstrip("$)]}\\")):
        following = _AFTER_MATHS.match(text, end)
    else:
        return None
    return following.end() if following else None


def _whole_pieces(text: str, begin: int) -> Iterator[tuple[int, int]]:
    """Spans of code and mathematics, ascending; what is not closed within its paragraph opens nothing."""
    found: dict[str, int] = {}

    def next_at(closer: str, start: int) -> int:
        """Offset of the next closer at or after `start`, len(text) if there is none; no stretch is searched twice."""
        if found.get(closer, -1) < start:
            offset = text.find(closer, start)
            found[closer] = len(text) if offset < 0 else offset
        return found[closer]

    position = paragraph_end = begin
    while (opening := _OPENING.search(text, position)) is not None:
        start, position = opening.span()
        mark = opening[0]
        if mark.startswith("```") and _FENCE.match(text, text.rfind("\n", 0, start) + 1, position):
            position = min(next_at("\n" + mark, position) + 1 + len(mark), len(text))
            yield start, position
            continue
        closer = _closer(text, opening)
        if closer is None:
            continue
        if paragraph_end <= start:
            blank = _BLANK_LINE.search(text, start)
            paragraph_end = blank.start() if blank else len(text)
        closed = next_at(closer, position)
        end = closed + len(closer)
        if end > paragraph_end:
            continue
        if mark == "$" and (text[closed - 1].isspace() or text[end : end + 1].isdigit()):
            continue  # prices, not mathematics
        position = end
        yield start, end


def _closer(text: str, opening: re.Match[str]) -> str | None:
    mark = opening[0]
    if mark == "\\begin":
        name = _ENVIRONMENT.match(text, opening.end())
        return "\\end" + name[0] if name else None
    if mark[0] in "$`":
        return mark
    return {"\\(": "\\)", "\\[": "\\]"}.get(mark)
