"""Sets of numbers in words, as formulas.

all positive real numbers    all reals except 2 and 3    all real x > 2    1 < x < 9 except x = 5    all integers
"""

from __future__ import annotations

import re

from int_verl.maths.brackets import members

_HINT = re.compile(r"real|numbers|integers|\b(?:all|any|every)\b", re.IGNORECASE)
_WHOLE = (
    r"\s*(?:[a-z]\s+(?:is|are|can\s+be)\s+)?(?:the\s+)?(?:set\s+of\s+)?(?P<every>(?:all|any|every)\s+)?(?:of\s+)?"
    r"(?:the\s+)?(?P<kind>(?:strictly\s+)?(?:positive|negative)|non-?\s*(?:negative|positive|zero))?\s*"
    r"(?P<numbers>real(?:\s+numbers?|\s+values?|s)?|numbers)?(?:\s*(?:of\s+)?(?<![a-z])(?P<unknown>[a-z])(?![a-z]))?"
)
_EXCEPT = (
    r"\s*,?\s*(?:except(?:\s+for)?|excluding|other\s+than|but|without|not\s+equal\s+to)\s+"
    r"(?P<removed>[^A-Za-z].*|[a-z]\s*=.*|zero)"
)
_COMPARED = (
    r"\s*,?\s*(?:that\s+are\s+)?(?:(?P<over>greater|larger|bigger|more)|less|smaller)\s+than"
    r"(?P<closed>\s+or\s+equal\s+to)?\s+(?P<bound>[^A-Za-z].*)"
)
_CONDITION = (
    r"\s*,?\s*(?:(?:such\s+that|with|where|for\s+which|satisfying)\s+)?"
    r"(?P<condition>(?:[a-z]\s*)?(?:[<>]|\\(?:le|ge|ne)(?![a-z])).*)"
)
_IN_WORDS = re.compile(rf"{_WHOLE}(?:{_EXCEPT}|{_COMPARED}|{_CONDITION})?[\s.]*", re.IGNORECASE | re.DOTALL)
_TEXT = re.compile(r"\\(?:text|textrm|mathrm|mbox)\s*\{([^{}]*)\}|\$|\\[()]")
_AND = re.compile(r"(?:,\s*)?\b(?:and|or)\b|;|\b[a-z]\s*=")
_KINDS = {
    "": "", "positive": "_{>0}", "negative": "_{<0}", "nonnegative": "_{\\ge 0}", "nonpositive": "_{\\le 0}",
    "nonzero": "_{\\ne 0}",
}  # fmt: skip

_SETS = {"integer": "\\mathbb{Z}", "rational": "\\mathbb{Q}", "complex": "\\mathbb{C}", "natural": "\\mathbb{N}"}
_SET_IN_WORDS = re.compile(
    r"\s*(?:[a-z]\s+(?:is|are|can\s+be)\s+)?(?:(?:all|any|every)\s+(?:of\s+)?|(?=the\s+set))(?:the\s+)?(?:set\s+of\s+)?"
    r"(?:all\s+)?(?:the\s+)?(?:(?P<integer>integer)s?|(?P<kind>rational|complex|natural)(?:s|\s+numbers?))"
    r"(?:\s+(?<![a-z])[a-z](?![a-z]))?[\s.]*",
    re.IGNORECASE,
)


def from_words(text: str) -> str:
    """``text``, or the formula for what it is in words, "all positive reals", "all reals except 2", "all integers"."""
    if not _HINT.search(text):
        return text
    words = _TEXT.sub(lambda match: f" {match[1] or ''} ", text)
    if whole := _SET_IN_WORDS.fullmatch(words):
        return _SETS[(whole["integer"] or whole["kind"]).lower()]
    said = _IN_WORDS.fullmatch(words)
    if said is None or not _names_numbers(said):
        return text
    numbers = "\\mathbb{R}" + _KINDS[re.sub(r"[\s-]|strictly", "", (said["kind"] or "").lower())]
    unknown = said["unknown"] or "x"
    if said["removed"]:
        removed = _AND.sub(",", said["removed"].replace("zero", "0"))
        return f"{numbers}\\setminus \\{{{','.join(filter(None, members(removed)))}\\}}"
    if said["bound"]:
        relation = (">" if said["over"] else "<") if not said["closed"] else ("\\ge " if said["over"] else "\\le ")
        return f"{unknown}\\in {numbers}, {unknown}{relation}{said['bound']}"
    if said["condition"]:
        condition = said["condition"].strip()
        condition = condition if condition[0].isalpha() else unknown + condition
        return f"{condition[0]}\\in {numbers}, {condition}"
    return numbers


def _names_numbers(said: re.Match[str]) -> bool:
    """Whether it speaks of numbers, and of all of a kind."""
    numbers = (said["numbers"] or "").lower()
    if numbers in ("", "numbers") and not said["kind"]:
        return bool(said["every"] and said["unknown"] and said["condition"])
    return bool(said["every"]) or numbers.endswith("s")


_HOLE = re.compile(
    r"[\s,;]*(?:\\(?:text|textrm|mathrm|mbox)\s*\{\s*[,(]?\s*(?P<word>except(?:\s+(?:for|at|when|where))?|excluding|"
    r"other\s+than|with|where|but|provided(?:\s+that)?)\s*\}|\()\s*"
    r"(?:(?P<unknown>[A-Za-z])\s*(?P<sign>=|\\ne(?![A-Za-z])))?\s*(?P<value>[^()=<>]+?)\s*\)?\s*"
)
_IS_REGION = re.compile(r"[<>]|\\(?:le|ge|in|cup)(?![A-Za-z])|^\s*[(\[].*[)\]]\s*$")


def with_holes(text: str) -> str:
    """``1 < x < 9 \\text{ except } x = 5`` and ``1 < x < 9 (x \\ne 5)`` with the hole as one more condition."""
    if "\\ne" not in text and "exc" not in text and "other" not in text:
        return text
    for start in re.finditer(r"[\s,;]*(?:\\(?:text|textrm|mathrm|mbox)|\()", text):
        hole = _HOLE.fullmatch(text, start.start())
        if hole is None or not _IS_REGION.search(text[: start.start()]):
            continue
        is_left_out = (hole["word"] or "").startswith(("exc", "other"))
        if is_left_out != (hole["sign"] == "\\ne"):
            return f"{text[: start.start()]}, {hole['unknown'] or 'x'}\\ne {hole['value']}"
    return text
