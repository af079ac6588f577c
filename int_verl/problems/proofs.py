"""Problems that ask for a proof and for no answer that could be graded."""

from __future__ import annotations

import re

_PROOF = re.compile(
    r"\b(?:prove|disprove|show|demonstrate|verify|establish|deduce)\b(?=\s*(?:that|the|this|\$|\\|:|or\b|,|if\b))", re.I
)
_BEGINS = r"(?:^|[.;:!?,)]|\band\b|\bthen\b|\bhence\b|\balso\b|\bplease\b)\s*"
"Where an imperative stands: `prove that we can find ...` asks for nothing."
_ASKED = re.compile(
    _BEGINS + r"(?:find|determine|compute|calculate|evaluate|solve|simplify|express|give|what|how (?:many|much|large)"
    r"|which|for (?:which|what)|list|name|state|count|write)\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(r"\?(?=\W*(?:\s|$))")


def asks_for_a_proof_alone(problem: str) -> bool:
    """Whether a problem's wording asks for a proof and for no answer.

    >>> asks_for_a_proof_alone("Prove that $n^2$ is even.")
    True
    >>> asks_for_a_proof_alone("Find $n$ and prove that it is even.")
    False
    """
    return bool(_PROOF.search(problem)) and not _ASKED.search(problem) and not _QUESTION.search(problem)
