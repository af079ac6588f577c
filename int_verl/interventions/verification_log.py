r"""What a verification text says about the steps: which are wrong, and which one is the first critical error.

Two formats are read, line by line:

- the tiny model's, one line a step: ``Substep 2: times 9, 13 -> 10; second 2 wrong.``
- the one that the built-in templates ask for, a verdict line under each quoted step and one line for the report:

      Substep 4 verdict: WRONG
      First critical error: Substep 4

Models decorate such lines (bold type, brackets, LaTeX, a heading before the report, "Step" for "Substep"), and the
reader looks through that. A step that is called wrong *and* recovered (``WRONG, RECOVERED``) is not critical and does
not count, nor does one whose verdict begins with CORRECT, whatever is said about it then.
"""

from __future__ import annotations

import re

_MARKS = str.maketrans("", "", '*`_[]"${}')
_TYPE_SETTING = re.compile(r"\\(?:text|textbf|mathrm|mathbf|boxed)\s*(?=\{)")
_BLOCK = re.compile(r"<intervention>\s*(?:```\w*\s*)?\{.*?(?:</intervention>|\Z)", re.DOTALL)
_HEADING = r"^\W{0,6}(?:\d{1,2}[.)]\s*)?(?:part\s*\d\W{0,3})?(?:(?:critical[\s-]error\s+)?report\b\W{0,4})?"
_STEP = r"(?:sub[\s-]?)?steps?\s*#?\s*([0-9]{1,6})"
_REPORT = re.compile(
    _HEADING + r"(?:the\s+)?(?:(?:first|earliest)\s+)?(?:critical\s+error|(?<=first )error|(?<=earliest )error)"
    r"(?:\s+report)?(?:\s+(?:is|occurs|appears))?(?:\s+(?:in|at))?\s*[:\-–=]?\s*(?:is\s+)?(?:in\s+|at\s+)?" + _STEP,
    re.IGNORECASE,
)
_NO_ERROR = re.compile(
    _HEADING
    + r"(?:(?:first\s+)?critical\s+error\s*[:\-–=]\s*(?:none|no\b|n/a)|(?:there\s+is\s+)?no\s+critical\s+error)",
    re.IGNORECASE,
)
_LINE = re.compile(r"^\W{0,6}" + _STEP + r"\b", re.IGNORECASE)
_VERDICT = re.compile(r"^\W{0,6}(?:verdict|status|judg(?:e?ment))\s*[:\-–=]\s*(\S.*)$", re.IGNORECASE)
_STEP_VERDICT = re.compile(r"\bverdict\b\s*[:\-–=]?\s*(\S.*)$", re.IGNORECASE)
_RIGHT = re.compile(r"\W*correct\b", re.IGNORECASE)
_WRONG = re.compile(
    r"(?<!not )(?<!no )\b(?:wrong|incorrect|not correct|critical error|(?<!critical )error|invalid)\b", re.IGNORECASE
)
_RECOVERED = re.compile(
    r"\b(?:recovered|corrected later|later corrected|fixed later|not critical|minor)\b", re.IGNORECASE
)
_TINY = re.compile(r"(?<!not )(?<!nothing )\bwrong\s*\.?\s*$", re.IGNORECASE)


def wrong_steps(text: str) -> list[int]:
    """1-based numbers of the steps that the text calls wrong, ascending, each once."""
    wrong: set[int] = set()
    step: int | None = None
    for line in _lines(text):
        named = _LINE.match(line)
        if named is not None:
            step = int(named[1])
        verdict = _VERDICT.match(line) or (named and _STEP_VERDICT.search(line))
        if not step:
            continue
        if verdict is not None:
            judged = verdict[1][:120]
            if not _RIGHT.match(judged) and _WRONG.search(judged) and not _RECOVERED.search(judged):
                wrong.add(step)
        elif named is not None and _TINY.search(line):
            wrong.add(step)
    return sorted(wrong)


def first_error(text: str) -> int | None:
    """The step that the text reports as its first critical error; without a report, the first that it calls wrong."""
    reported: int | None = None
    said_none = False
    for line in _lines(text):
        if _NO_ERROR.match(line):
            reported, said_none = None, True
        elif (m := _REPORT.match(line)) is not None:
            reported, said_none = int(m[1]), False
    if reported is not None or said_none:
        return reported or None
    return min(wrong_steps(text), default=None)


def _lines(text: str) -> list[str]:
    """The log's lines after the thinking and outside blocks, without type-setting, each at most 2,000 characters."""
    log = _BLOCK.sub("", text.rpartition("</think>")[2])
    return [_TYPE_SETTING.sub("", line[:2000]).translate(_MARKS).strip() for line in log.splitlines()]
