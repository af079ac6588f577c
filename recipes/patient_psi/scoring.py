"""The worth of an interview: its formulation against the case, and nothing for what was guessed."""

from __future__ import annotations

from collections.abc import Collection

from cognitive_models import Case
from utterances import Formulation, plain

WEIGHTS = {"category": 0.4, "belief": 0.3, "emotions": 0.2, "thought": 0.1}
GUESS = 0.25
"Taken off for every element that is named and was never elicited."
SUCCESS = 0.8


def f1(named: Collection[str], right: Collection[str]) -> float:
    """Harmonic mean of precision and recall of two sets; 0 where they share nothing."""
    shared = len(set(named) & set(right))
    return 2 * shared / (len(set(named)) + len(set(right))) if shared else 0.0


def score(case: Case, formulation: Formulation | None, elicited: Collection[str]) -> tuple[float, dict[str, float]]:
    """The reward, between 0 and 1, and its parts.

    An element counts only if it was elicited; the category is read off the belief, so that it is elicited with it. What
    is named without having been elicited is a guess, right or wrong. No formulation is worth nothing.

    Returns:
        The reward, and each of `WEIGHTS` between 0 and 1, `guesses` and `elicited` as counts, `formulated` 0 or 1.
    """
    parts = dict.fromkeys(WEIGHTS, 0.0)
    guesses = 0
    if formulation is not None:
        category, belief, thought = formulation.category, formulation.belief, formulation.thought
        right = {
            "category": float(plain(category or "") == case.category),
            "belief": float(plain(belief or "") == plain(case.belief)),
            "emotions": f1(formulation.emotions, case.emotions),
            "thought": float(plain(thought or "") == plain(case.thought)),
        }
        named = {"category": category, "belief": belief, "emotions": formulation.emotions, "thought": thought}
        for part, value in named.items():
            if value and ("belief" if part == "category" else part) in elicited:
                parts[part] = right[part]
            elif value:
                guesses += 1
    reward = sum(WEIGHTS[part] * value for part, value in parts.items()) - GUESS * guesses
    counts = {"guesses": float(guesses), "elicited": float(len(elicited)), "formulated": float(formulation is not None)}
    return round(min(max(reward, 0.0), 1.0), 6), {**parts, **counts}
