"""Labels before values: the parts of an answer, ``(a) 3, (b) 5``, and the option that it picks, ``(C) 8``."""

from __future__ import annotations

import re

_TEXT = r"\\(?:text|textbf|mathrm|mathbf|mbox)\s*\{\s*"
_PART = re.compile(
    rf"(?:(?<=[\s,;.])|^)(?P<text>{_TEXT})?(?:part\s*)?\((?P<label>[a-h]|i{{1,3}}|iv|v|vi|[1-8])\)\s*[.:]?\s*(?(text)\}}|)\s*"
)
_SEQUENCES = ("abcdefgh", ("i", "ii", "iii", "iv", "v", "vi"), "12345678")
_BETWEEN = re.compile(r"(?:[\s,;.]|\\(?:text|mbox)\s*\{\s*[,;]?\s*(?:and)?\s*\}|\band\b)*$")
_OPTION = re.compile(
    rf"(?:{_TEXT}\(?\s*(?P<a>[A-J])\s*[).:]+\s*\}}|\(\s*(?P<b>[A-J])\s*\)(?=\s*(?:[0-9$]|-[0-9]|\\(?:frac|sqrt|text|\$|pi))))"
    r"[\s:.]*(?=\S)"
)


def parts(text: str) -> list[str]:
    """The values of at least two labelled parts, in the order of their labels; empty for anything else."""
    if _PART.match(text) is None:
        return []
    found = list(_PART.finditer(text))
    if len(found) < 2:
        return []
    labels = [match["label"] for match in found]
    if not any(labels == list(sequence[: len(labels)]) for sequence in _SEQUENCES):
        return []
    ends = [match.start() for match in found[1:]] + [len(text)]
    written = [text[match.end() : end] for match, end in zip(found, ends, strict=True)]
    values = [_BETWEEN.sub("", value) for value in written]
    # (1) (2) is a product, and so is (1) 3 (2) 5
    apart = not labels[0].isdigit() or all(value.rstrip()[-1:] in (",", ";") for value in written[:-1])
    return values if all(values) and apart else []


def option(text: str) -> tuple[str, str] | None:
    """The letter of the option that begins ``text``, and what stands after it; None where there is no such thing."""
    match = _OPTION.match(text)
    return None if match is None else (match["a"] or match["b"], text[match.end() :])
