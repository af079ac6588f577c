"""The partner by rule, for machines without a GPU: `environment: rule_partner.py:RulePartner`.

It asks what the matter is, then brings up its obstacles one by one. An obstacle is past when the skills that it calls
for have been shown; skills shown make it readier and provocations less so (`dear_man.readiness`). After a turn it

    gives way   where that got past an obstacle, or made it readier by 2 or more
    attacks     where that made it less ready: the next utterance has to stay with the matter, and confident
    stalls      otherwise

and says which obstacle is left. It agrees when none is and it is ready enough, and refuses when its patience is at an
end or the policy gives in. It speaks no last word: a conversation ends with the policy's turn.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from dear_man import (
    AGREES_AT,
    MOVED,
    Ratings,
    called_for,
    is_past,
    readiness,
    skill_ratings,
    weak_turn,
)
from partner_words import OBSTACLES, OPENINGS, REACTIONS
from ratings import gives_in, heard, rate
from situations import Situation, from_json

Message = dict[str, str]
State = dict[str, Any]


class RulePartner:
    """An `Environment`. What it says is a function of case, seed and what was said before.

    The state: `case`; `turns` of the policy, each with `said`, its `ratings` and the ratings `called` for; the
    `obstacle` that is left, and those `behind` it; `readiness`; `provoked`, whether it attacks; `want_said`; `idle`,
    turns without progress; `ended`: ``agreed``, ``refused``, ``gave_in`` or ``turns``, empty before.

    Args:
        agreement: whether a conversation that does not end in agreement is worth nothing, however well it was led.
    """

    def __init__(self, agreement: bool = False) -> None:
        self.agreement = agreement

    def open(self, case: Mapping[str, Any], seed: int) -> tuple[list[Message], State]:
        """See `Environment.open`.

        Raises:
            ValueError: the case is no `Situation`.
        """
        situation = from_json(case)
        state = {
            "case": situation.as_json(),
            "turns": [],
            "obstacle": "matter",
            "behind": list(situation.obstacles),
            "readiness": situation.start,
            "provoked": False,
            "want_said": False,
            "idle": 0,
            "ended": "",
        }
        return [_said(random.Random(seed).choice(OPENINGS[situation.kind]), situation)], state

    def reply(self, state: State, utterance: str, seed: int) -> tuple[list[Message] | None, State]:
        """See `Environment.reply`."""
        situation, rng = from_json(state["case"]), random.Random(seed)
        ratings = rate(situation, utterance, state["want_said"])
        before = _ratings(state)
        called = called_for(state["obstacle"], state["provoked"], before)
        ready = readiness(situation.start, [*before, ratings])
        turns = [*state["turns"], {"said": utterance, "ratings": ratings, "called": called}]
        obstacle, behind = _left(state["obstacle"], state["behind"], [*before, ratings])
        progress = ready >= state["readiness"] + MOVED or obstacle != state["obstacle"]
        state = {
            **state,
            "turns": turns,
            "obstacle": obstacle,
            "behind": behind,
            "readiness": ready,
            "provoked": ready < state["readiness"],
            "idle": state["idle"] + (not progress),
        }
        if ended := _ended(situation, state, utterance):
            return None, {**state, "ended": ended}
        reaction = "attacks" if state["provoked"] else "gives way" if progress else "stalls"
        said = _said(f"{rng.choice(REACTIONS[reaction])} {rng.choice(OBSTACLES[obstacle])}", situation)
        return [said], {**state, "want_said": state["want_said"] or obstacle == "gain"}

    def score(self, state: State) -> tuple[float, dict[str, float]]:
        """See `Environment.score`: the mean skill rating, from 0 to 2, over the skills that the situation calls for.

        Parts are those skills by name, `rating`, the mean of them, `agreed` 0 or 1, `readiness`, `weak_turn` (0 where
        there is none) and `turns`.
        """
        by_skill = skill_ratings(from_json(state["case"]), state["turns"])
        rating = sum(by_skill.values()) / len(by_skill)
        agreed = state["ended"] == "agreed"
        return rating if agreed or not self.agreement else 0.0, {
            **by_skill,
            "rating": rating,
            "agreed": float(agreed),
            "readiness": float(state["readiness"]),
            "weak_turn": float(weak_turn(state["turns"]) or 0),
            "turns": float(len(state["turns"])),
        }


def _said(words: str, situation: Situation) -> Message:
    return {"role": "user", "content": words.format(asked=situation.asked, wants=situation.wants)}


def _ratings(state: State) -> list[Ratings]:
    return [turn["ratings"] for turn in state["turns"]]


def _left(obstacle: str, behind: Sequence[str], ratings: Sequence[Ratings]) -> tuple[str, list[str]]:
    """The obstacle after the last utterance, and those behind it. An attack has to be brought up before it is past."""
    waiting = list(behind)
    if obstacle == "unsure" or not is_past(obstacle, ratings):
        return obstacle, waiting
    while waiting:
        obstacle = waiting.pop(0)
        if obstacle == "attack" or not is_past(obstacle, ratings):
            return obstacle, waiting
    return "unsure", waiting


def _ended(situation: Situation, state: State, utterance: str) -> str:
    """How the conversation ends with the last utterance; empty where it goes on."""
    if any(gives_in(situation, sentence) for sentence in heard(utterance)):
        return "gave_in"
    if state["obstacle"] == "unsure" and state["readiness"] >= AGREES_AT:
        return "agreed"
    if state["idle"] > situation.patience:
        return "refused"
    return "turns" if len(state["turns"]) >= situation.turns else ""
