"""The seven skills of DEAR MAN, what a partner's resistance calls for, and how ready ratings make a partner.

A rating is 0, 1 or 2: not shown, shown by half, shown. The scale is ours; that of the paper is not public.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from situations import Situation

CONTENT = ("describe", "express", "assert", "reinforce", "negotiate")
"Skills of what is said: shown once, they stay shown."
MANNER = ("mindful", "confident")
"Skills of how it is said: every turn shows them anew."
SKILLS = ("describe", "express", "assert", "reinforce", "mindful", "confident", "negotiate")
FULL = 2
CALLS_FOR: dict[str, tuple[str, ...]] = {
    "matter": ("describe", "assert"),
    "unmoved": ("express",),
    "attack": MANNER,
    "gain": ("reinforce",),
    "cost": ("negotiate",),
    "unsure": MANNER,
}
"""Obstacle -> the skills that get past it. `matter` is the first of all; `unsure` is left where a partner has no other
obstacle and is not ready yet."""
AGREES_AT = 14
"Readiness from which a partner without obstacles agrees."
PROVOKED, UNCONVINCED = 2, 1
"Readiness that an utterance without any mindfulness costs, and one without any confidence."
MOVED = 2
"Readiness that a turn must bring to be progress, where it gets past no obstacle."
Ratings = Mapping[str, int]
"Skill -> 0, 1 or 2, of one utterance."


def best(turns: Sequence[Ratings]) -> dict[str, int]:
    """Skill -> the highest rating so far."""
    return {skill: max((ratings[skill] for ratings in turns), default=0) for skill in SKILLS}


def readiness(start: int, turns: Sequence[Ratings]) -> int:
    """How ready a partner is after utterances with these ratings; no rating that is higher makes it lower.

    Example: from 7, ``{"describe": 2, "assert": 2, "mindful": 2, "confident": 2}`` and 0 otherwise makes 12.
    """
    shown = best(turns)
    calm = sum(all(ratings[skill] == FULL for skill in MANNER) for ratings in turns)
    provoking = sum(ratings["mindful"] == 0 for ratings in turns)
    unconvincing = sum(ratings["confident"] == 0 for ratings in turns)
    return start + sum(shown[skill] for skill in CONTENT) + calm - PROVOKED * provoking - UNCONVINCED * unconvincing


def called_for(obstacle: str, provoked: bool, turns: Sequence[Ratings]) -> dict[str, int]:
    """Skill -> the least rating that the next utterance should have: 2 for what gets past the obstacle and has not been
    shown, 1 for mindful and confident, or 2 where the partner attacks."""
    shown = best(turns)
    wanted = dict.fromkeys(MANNER, FULL if provoked or obstacle in ("attack", "unsure") else 1)
    return wanted | {skill: FULL for skill in CALLS_FOR[obstacle] if skill in CONTENT and shown[skill] < FULL}


def is_past(obstacle: str, turns: Sequence[Ratings]) -> bool:
    """Whether the last utterance, or for skills that stay shown all of them, gets past an obstacle."""
    shown = best(turns)
    return all((turns[-1] if skill in MANNER else shown)[skill] == FULL for skill in CALLS_FOR[obstacle])


def is_weak(ratings: Ratings, called: Mapping[str, int]) -> bool:
    """Whether an utterance is below what was called for."""
    return any(ratings[skill] < least for skill, least in called.items())


def weak_turn(turns: Sequence[Mapping[str, Any]]) -> int | None:
    """From 1, the first turn below what was called for; None where there is none.

    Args:
        turns: with `ratings` and `called`, as the state of `rule_partner.RulePartner` has them.
    """
    return next((i for i, turn in enumerate(turns, 1) if is_weak(turn["ratings"], turn["called"])), None)


def skills_of(situation: Situation) -> tuple[str, ...]:
    """The skills that a situation calls for, sooner or later."""
    wanted = {skill for obstacle in ("matter", "attack", *situation.obstacles) for skill in CALLS_FOR[obstacle]}
    return tuple(skill for skill in SKILLS if skill in wanted)


def skill_ratings(situation: Situation, turns: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """The rating of a conversation in every skill of its situation.

    It is the mean over the utterances that were called on for the skill. Where none was, because it was shown before or
    the conversation ended before, it is the best that was shown.
    """
    shown = best([turn["ratings"] for turn in turns])
    found: dict[str, float] = {}
    for skill in skills_of(situation):
        called = [turn["ratings"][skill] for turn in turns if skill in turn["called"]]
        found[skill] = sum(called) / len(called) if called else float(shown[skill])
    return found
