"""Commands that say how an answer looks, and nothing of what it is."""

from __future__ import annotations

import re

from int_verl.maths.brackets import closing_brace

_GONE = re.compile(
    r"\\(?:left|right|middle|[bB]igg?[lrm]?)(?![a-zA-Z])\s*\.?(?=\s*(?:[()\[\]|/.]|\\[{}|a-zA-Z]|$))|"
    r"\\(?:displaystyle|textstyle|scriptstyle|scriptscriptstyle|limits|nolimits|strut|mathstrut|allowbreak|nobreak|hfill|"
    r"boldsymbol|bm|pmb|mathop|mathord|mathrel|mathbin|rm|bf|it|sf|tt|bfseries|tiny|small|large|Large|LARGE|huge|Huge|"
    r"normalsize|centering|noindent|nonumber|notag|ensuremath|smash|newline|linebreak)(?![a-zA-Z])|"
    r"\\(?:bbox|framebox)(?![a-zA-Z])(?:\s*\[[^\[\]]*\])*|"
    r"\\(?:hspace|vspace|mspace|vphantom|hphantom|phantom|label|tag|require|color|textcolor|colorbox|raisebox|style|"
    r"class|cssId)\*?\s*(?:\[[^\[\]]*\]\s*)?\{[^{}]*\}|\\fcolorbox\s*\{[^{}]*\}\s*\{[^{}]*\}"
)
_SKIP = re.compile(r"\\(?:hskip|vskip|mskip|kern|mkern)\s*-?[0-9.]+\s*[a-z]{2}")
_DOTTED_DELIMITER = re.compile(r"\\(?:left|right)\s*\.")
_THIN = re.compile(
    r"(\\\\|\\cr(?![a-zA-Z]))(?:\s*\[\s*-?[0-9.]+\s*[a-z]{2}\s*\])?|"  # the end of a row, and the space below it
    r"\\[,!;:>]|\\(?:thinspace|negthinspace|medspace|thickspace|enspace|quad|qquad)(?![a-zA-Z])|\\ |~|\\\n"
)
_FULL_STOP = re.compile(
    r"(?:\\(?:blacksquare|square|Box|qed|qedsymbol|checkmark)(?![a-zA-Z])\s*)+$|^\s*\\checkmark(?![a-zA-Z])"
)
"""What may stand after an answer to say that it ends there."""
_BRACE_ABOVE_OR_BELOW = re.compile(r"\\(?:under|over)(?:brace|bracket)\s*(?=\{)")
_STACKED = re.compile(r"\\(?:underset|overset|stackrel)\s*(?=\{)")
_LINES = re.compile(
    r"\\begin\s*\{((?:aligned|align|alignat|gather|gathered|equation|split|eqnarray|multline|flalign|center|"
    r"displaymath|math)\*?)\}(?:\s*\[[a-z]\])?(.*?)\\end\s*\{\1\}",
    re.DOTALL,
)
_LINE_BREAK = re.compile(r"\\\\(?:\s*\[[^\[\]]*\])?")
_ONE_CELL = re.compile(r"\\begin\s*\{array\}\s*\{[lcr|]*\}((?:[^&\\]|\\[^\\])*)\\end\s*\{array\}")
_GOES_ON = re.compile(r"\s*(?:[=<>]|\\(?:le|leq|ge|geq|approx|equiv|Rightarrow|implies|iff)(?![a-zA-Z]))")


def without_layout(text: str) -> str:
    """``text`` without fonts, colours, spacing, frames, braces above or below, and environments of lines."""
    if "left" in text or "right" in text:
        text = _DOTTED_DELIMITER.sub("", text)
    if "skip" in text or "kern" in text:
        text = _SKIP.sub(" ", text)
    text = _THIN.sub(r"\1 ", _GONE.sub(" ", text))
    if "square" in text or "qed" in text or "Box" in text or "check" in text:
        text = _FULL_STOP.sub("", text)
    if "\\begin" in text:
        text = _ONE_CELL.sub(r"\1", _LINES.sub(_joined, text))
    if "brace" in text or "bracket" in text:
        text = _without_notes(text)
    if "set" in text or "\\stackrel" in text:
        text = _without_stacked(text)
    return text


def _joined(match: re.Match[str]) -> str:
    """The lines of an environment side by side: a chain of relations goes on, anything else is another value.

    After a brace they are a system, and stay as they are.
    """
    if match.string[: match.start()].rstrip().endswith("\\{"):
        return match[0]
    lines = [line.replace("&", " ").strip() for line in _LINE_BREAK.split(match[2])]
    joined = ""
    for line in filter(None, lines):
        joined += (" " if not joined or _GOES_ON.match(line) else " ; ") + line
    return joined


def _without_notes(text: str) -> str:
    """``\\underbrace{5+3}_{\\text{sum}}`` as ``{5+3}``."""
    while match := _BRACE_ABOVE_OR_BELOW.search(text):
        end = closing_brace(text, match.end())
        if end is None:
            break
        inner, rest = text[match.end() : end + 1], text[end + 1 :].lstrip()
        if rest[:1] in ("_", "^") and rest[1:].lstrip()[:1] == "{":
            start = rest.index("{")
            note = closing_brace(rest, start)
            rest = rest[(start if note is None else note) + 1 :]
        text = text[: match.start()] + inner + rest
    return text


def _without_stacked(text: str) -> str:
    """``\\underset{\\text{min}}{8}`` as ``{8}``."""
    while match := _STACKED.search(text):
        end = closing_brace(text, match.end())
        if end is None:
            break
        text = text[: match.start()] + text[end + 1 :]
    return text
