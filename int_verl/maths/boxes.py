"""From a response to the answer it commits to, in time linear in its length.

The rules, in this order:

1. Only what follows the last ``</think>`` counts. A response that opens ``<think>`` and never closes it has no answer.
2. Only boxes count: ``\\boxed{...}``, ``\\fbox{...}`` with balanced braces (or ``\\boxed 5``). Prose is never searched,
   unless ``unboxed=True``, which reads "the final answer is ...", "Answer: ..." and "#### ..." when there is no box.
3. The last box counts. A run of boxes with nothing but commas, ``$``, spaces, "and" or "or" between them is one answer:
   the set of their contents. So an earlier box is superseded, and a list of guesses is a list. Boxes that give values
   of names, ``a = \\boxed{3}`` and ``b = \\boxed{2}``, are one answer with other words between (`named_boxes`).
4. A box in a box is read as the outer one. Empty boxes and placeholders ("your answer", as a prompt's echo has them)
   are passed over.
"""

from __future__ import annotations

import re

from int_verl.maths.brackets import closing_brace
from int_verl.maths.named_boxes import go_together, name_before
from int_verl.maths.size_limits import MAX_BOX_CHARS, MAX_BOXES

_BOX = re.compile(r"\\(?:boxed|fbox)(?![a-zA-Z])\s*")
_BARE = re.compile(r"-?[0-9][0-9.,/]*|[A-Za-z]\b")
_GLUE = re.compile(
    r"(?:[\s,;$&.~]|\\[,;:! ]|\\\\|\\[()\[\]]|\\quad|\\qquad|\\text\s*\{\s*,?\s*(?:and|or)\s*\}|"
    r"\\(?:and|or|lor|land)\b|"
    r"\\vee|\\wedge|\b(?:and|or)\b|\*\*|[，、；]|或者?|和|以及|及)*"
)
_GLUE_CHARS = 80
_PLACEHOLDER = re.compile(
    r"(?:\\text\s*\{)?\s*[<\[]?\s*(?:(?:your|the|final|my)\s+)*answer(?:\s+here)?\s*[>\]]?\s*\}?|\\[lc]?dots|\.\.\.|…",
    re.I,
)
_STATED = re.compile(
    r"(?:final\s+answer(?:\s+is)?|(?:the\s+)?answer\s+is|answer|答案(?:是|为)?)\s*(?:\*\*)?\s*[:=：]?\s*(?:\*\*)?\s*(?P<said>[^\n]{1,400})|"
    r"####\s*(?P<hash>[^\n]{1,400})",
    re.I,
)
_STATED_AGAIN = re.compile(r".*\banswer\s+is\s*[:：]?\s*", re.I)
_NEXT_SENTENCE = re.compile(r"[.!]\s+(?=[A-Z<])|\s*<\|")
_STATED_WINDOW = 4_000
_MAX_UNCLOSED = 4


def _is_placeholder(content: str) -> bool:
    return not content or (len(content) < 60 and _PLACEHOLDER.fullmatch(content) is not None)


def after_thinking(response: str) -> str | None:
    """The part of ``response`` outside its thoughts; None if a ``<think>`` is never closed."""
    end = response.rfind("</think>")
    rest = response if end < 0 else response[end + 8 :]
    return None if "<think>" in rest else rest


def extract_answer(response: str, *, unboxed: bool = False) -> str | None:
    """The answer that ``response`` commits to, without its box; None if it commits to none.

    A run of adjacent boxes comes back as ``\\{a, b\\}``.

    >>> extract_answer(r"so it is \\boxed{\\frac{1}{2}}.")
    '\\\\frac{1}{2}'
    """
    start = response.rfind("\\boxed{")
    # Fast way out for what nearly every response looks like: one box without braces inside, and no thoughts.
    # Over a long text `rfind` is many times faster than `find` and `in`.
    if start >= 0:
        end = response.find("}", start)
        if (
            end >= 0
            and response.find("box", end) < 0
            and response.rfind("\\boxed", 0, start) < 0
            and response.rfind("\\fbox", 0, start) < 0
            and response.rfind("think>") < 0
        ):
            content = response[start + 7 : end]
            if "{" not in content and "\\" not in content:
                content = content.strip()
                return None if _is_placeholder(content) else content
    rest = after_thinking(response)
    if rest is None:
        return None
    if "\\boxed" in rest or "\\fbox" in rest:
        answer = _last_box(rest)
        if answer is not None:
            return answer
    return _stated_answer(rest) if unboxed else None


def strip_boxes(answer: str) -> str:
    """``answer`` with every box in it replaced by its content; unclosed boxes stay."""
    for _ in range(MAX_BOXES):
        match = _BOX.search(answer)
        if match is None:
            return answer
        content, end = _box_content(answer, match.end())
        if content is None:
            return answer
        answer = answer[: match.start()] + content + answer[end:]
    return answer


def _box_content(text: str, start: int) -> tuple[str | None, int]:
    """Content and end of a box whose argument begins at ``start``; (None, start) where it is not closed."""
    if not text.startswith("{", start):
        bare = _BARE.match(text, start)
        return (bare.group().rstrip(".,"), bare.end()) if bare else (None, start)
    end = closing_brace(text, start, MAX_BOX_CHARS)
    return (None, start) if end is None else (text[start + 1 : end], end + 1)


def _last_box(text: str) -> str | None:
    """The content of the last run of boxes in ``text``; None if every box is empty, a placeholder or unclosed."""
    starts = [(match.start(), match.end()) for match in _BOX.finditer(text)]
    closed: list[tuple[int, int, str]] = []  # (start, end, content) of outermost boxes, last first
    unclosed = enclosures = 0
    for position in range(len(starts) - 1, -1, -1):
        start, argument = starts[position]
        content, end = _box_content(text, argument)
        if content is None:
            unclosed += 1
            if unclosed > _MAX_UNCLOSED:
                return None
            continue
        # Boxes that this one encloses were pushed before it.
        while closed and closed[-1][0] < end:
            closed.pop()
            enclosures += 1
        content = content.strip()
        if _is_placeholder(content):
            if closed:
                break
            continue
        if closed:
            gap = text[end : closed[-1][0]]
            if len(gap) > _GLUE_CHARS or not (_GLUE.fullmatch(gap) or go_together(text, start, gap)):
                # Not adjacent; but it may still enclose nothing and end the run.
                break
        closed.append((start, end, content))
        if len(closed) > MAX_BOXES or enclosures > MAX_BOXES:
            break
    if not closed:
        return None
    names = [name_before(text, start) for start, _, _ in closed] if len(closed) > 1 else [None]
    if None not in names:
        values = [
            content if "=" in content else f"{name}={content}"
            for name, (_, _, content) in zip(reversed(names), reversed(closed), strict=True)
        ]
        return strip_boxes(", ".join(dict.fromkeys(values)))
    contents = list(dict.fromkeys(content for _, _, content in reversed(closed)))
    if len(closed) == 1:
        contents = [_enclosing(text, starts[max(0, position - 9) : position], closed[0]) or contents[0]]
    contents = [bare for content in contents if (bare := strip_boxes(content).strip())]
    if not contents:
        return None
    return contents[0] if len(contents) == 1 else "\\{" + ", ".join(contents) + "\\}"


def _enclosing(text: str, starts: list[tuple[int, int]], box: tuple[int, int, str]) -> str | None:
    """Content of the outermost of the boxes at ``starts`` that enclose ``box`` and are near it."""
    found = None
    for start, argument in reversed(starts):
        if box[0] - start > 2_000:
            break
        content, end = _box_content(text, argument)
        if content is not None and end > box[1]:
            found = content
    return found


def _stated_answer(text: str) -> str | None:
    """The last answer stated in words in the last part of ``text``."""
    last = None
    for match in _STATED.finditer(text[-_STATED_WINDOW:]):
        last = (match.group("said") or match.group("hash") or "").strip()
    if not last:
        return None
    last = _NEXT_SENTENCE.split(_STATED_AGAIN.sub("", last), maxsplit=1)[0]
    last = last.strip("* ").rstrip(".").strip()
    math = re.fullmatch(r"\$+([^$]+)\$+", last)
    return (math.group(1) if math else last).strip() or None
