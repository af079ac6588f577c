"""Binomial coefficients and numbers of arrangements, in the notations of schools and languages.

    combinations    C_n^k  {}_nC_k  {}^nC_k  9C4  C(n, k)    as  \\binom{n}{k}
    arrangements    A_n^k  {}_nP_k  P_n^k    9P4  P(n, k)    as  n! / (n - k)!

``C(n, k)`` may be a function or a point as well: it is read so only where the other answer has no such letter.
"""

from __future__ import annotations

import re

from int_verl.maths.brackets import bracketed, members

_LETTER = r"(?:\\(?:mathrm|text|mathbf|operatorname)\s*\{\s*(?P<letter>[CPA])\s*\}|(?P<letter_bare>[CPA]))"
_SCRIPT = r"(?:\{{\s*(?P<{0}>[^{{}}]*?)\s*\}}|(?P<{0}_bare>[0-9]+|[A-Za-z]))"
_BEFORE = re.compile(  # {}_nC_k, {}^nC_k
    r"(?:\{\s*\}\s*|(?<![A-Za-z0-9)}\]]))[_^]\s*"
    + _SCRIPT.format("n") + r"\s*" + _LETTER + r"\s*_\s*" + _SCRIPT.format("k")
)  # fmt: skip
_BEHIND = re.compile(  # C_n^k, C^k_n
    r"(?<![A-Za-z\\])" + _LETTER + r"\s*(?:"
    + r"_\s*" + _SCRIPT.format("n") + r"\s*\^\s*" + _SCRIPT.format("k") + "|"
    + r"\^\s*" + _SCRIPT.format("upper") + r"\s*_\s*" + _SCRIPT.format("lower") + ")"
)  # fmt: skip
_BETWEEN = re.compile(
    r"(?<![A-Za-z0-9_^.\\])(?<!_\{)(?P<n>[0-9]{1,4}|n)\s?(?P<letter>[CP])\s?(?P<k>[0-9]{1,4}|[rk])(?![0-9A-Za-z_^(])"
)
_CALL = re.compile(
    r"(?<![A-Za-z\\])" + _LETTER.replace("CPA", "CP")
    + r"\s*\(\s*(?P<n>[^(),=]+?)\s*,\s*(?P<k>[^(),=]+?)\s*\)"
)  # fmt: skip
_COUNT = re.compile(r"(?=[0-9a-zMN])[0-9]*[a-zMN]?(?:\s*[-+]\s*[0-9]*[a-zMN]?)*")
"""What one chooses from, and how many."""


def as_binomials(text: str) -> str:
    """``text`` with ``\\binom`` for every notation that can mean nothing else."""
    if "C" not in text and "P" not in text and "A" not in text:
        return text
    if "_" in text:
        text = _BEHIND.sub(_spelled, _BEFORE.sub(_spelled, text))
    return _BETWEEN.sub(_spelled, text)


def with_calls(text: str, other: str) -> str:
    """``text`` with ``\\binom`` for ``C(n, k)`` as well, where ``other`` has neither that letter nor is a point."""
    call = _CALL.search(text)
    if call is None:
        return text
    enclosed = bracketed(other)
    if re.search(rf"(?<![A-Za-z\\]){_group(call, 'letter')}(?![A-Za-z])", other) or (
        enclosed is not None and len(members(enclosed[1])) > 1
    ):
        return text
    return _CALL.sub(_spelled, text)


def _group(match: re.Match[str], name: str) -> str:
    found = match.groupdict()
    return found.get(name) or found.get(f"{name}_bare") or ""


def _spelled(match: re.Match[str]) -> str:
    n = _group(match, "n") or _group(match, "lower")
    k = _group(match, "k") or _group(match, "upper")
    if not _COUNT.fullmatch(n) or not _COUNT.fullmatch(k) or (n.isdigit() and not (k.isdigit() and int(k) <= int(n))):
        return match[0]
    if _group(match, "letter") == "C":
        return f"\\binom{{{n}}}{{{k}}}"
    return f"\\frac{{({n})!}}{{({n}-({k}))!}}"
