"""How the tiny model interviews before any training on interventions: mostly well, with bad habits that are its own.

A habit belongs to a place: the patient's style, what is due and in which manner, and the theme of the situation. At a
place with a bad habit the model does the same wrong thing nearly always; the right one comes with a probability of its
own. Some beliefs are put into a wrong category in the same way.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cognitive_models import CATEGORIES, CATEGORY_OF, EMOTIONS, ORDER, SITUATIONS, TRAINED_STYLES, Case
from guidance import NEEDED, SECOND, SUGGESTED, Turn, ask
from rule_patient import RulePatient
from utterances import written

BAD_OPENLY, BAD_GUARDED, BAD_CATEGORY = 0.2, 0.4, 0.25
"Shares of the places, plain and guarded, with a bad habit, and of the beliefs in a wrong category."
LEAST, MOST = 0.01, 0.3
"Between these the right turn's probability lies where the habit is bad, log-uniform."
SLIP = 0.01
"A wrong turn where the habit is good."
Place = tuple[str, str, str, str]
"Style, manner, kind, theme."


@dataclass(frozen=True, slots=True)
class Habit:
    """At one place: what is done instead of the right turn, and how probable the right one still is."""

    wrong: str
    right: float


@dataclass(frozen=True, slots=True)
class Said:
    """One turn of a simulated interview, and what the patient answers to it."""

    words: str
    habitual: bool
    "Whether the model itself chose it; else it was put in, to get to the places behind."
    reply: str | None


class Habits:
    """The fixed bad habits of a seed."""

    def __init__(self, seed: int = 0) -> None:
        rng = random.Random(seed * 104_729 + 5)
        self.places: dict[Place, Habit] = {}
        for style in TRAINED_STYLES:
            for kind in ORDER[1:]:
                for manner in dict.fromkeys(("openly", NEEDED.get(style, "openly"))):
                    for theme in SITUATIONS:
                        bad = rng.random() < (BAD_OPENLY if manner == "openly" else BAD_GUARDED)
                        wrong = rng.choice(_wrong_ways(manner, kind))
                        right = math.exp(rng.uniform(math.log(LEAST), math.log(MOST)))
                        if bad:
                            self.places[style, manner, kind, theme] = Habit(wrong, right)
        self.categories: dict[str, Habit] = {}
        for belief in CATEGORY_OF:
            others = [category for category in CATEGORIES if category != CATEGORY_OF[belief]]
            wrong, right = rng.choice(others), math.exp(rng.uniform(math.log(LEAST), math.log(MOST)))
            if rng.random() < BAD_CATEGORY:
                self.categories[belief] = Habit(wrong, right)

    def turn(self, case: Case, due: Turn, rng: random.Random) -> Turn:
        """What the model does where `due` is the right turn; a category is not looked at here."""
        manner, kind = due
        if kind == ORDER[0] or manner == "formulate":
            return due
        habit = self.places.get((case.style, manner, kind, case.theme))
        wrong = habit.wrong if habit else rng.choice(_wrong_ways(manner, kind))
        if rng.random() < (habit.right if habit else 1 - SLIP):
            return due
        return {
            "bare": ("openly", kind),
            "suggest": ("narrowly", kind),
            "formulate": ("formulate", ""),
        }.get(wrong, ("openly", wrong))

    def formulation(self, case: Case, told: list[str], rng: random.Random) -> str:
        """What it concludes; what it was not told it makes up."""
        belief = case.belief if "belief" in told else rng.choice(SUGGESTED["belief"])
        habit = self.categories.get(belief)
        category = habit.wrong if habit and rng.random() > habit.right else CATEGORY_OF[belief]
        thought = case.thought if "thought" in told else rng.choice(SUGGESTED["thought"])
        return written(category, belief, thought, case.emotions if "emotions" in told else (rng.choice(EMOTIONS),))

    def interview(self, case: Case, rng: random.Random, led: float = 0.0, most: int = 9) -> tuple[str, list[Said], Any]:
        """An interview with the rule patient.

        Args:
            led: share of the turns in which the right one is put in, whatever the habit.
            most: turns of the interviewer.

        Returns:
            The patient's opening, the turns, and the patient's state at the end.
        """
        patient = RulePatient()
        opening, state = patient.open(case.as_json(), rng.getrandbits(60))
        turns: list[Said] = []
        while len(turns) < most:
            due = due_turn(case, state)
            if patient.withdrawn(state):
                turn, habitual = (("formulate", "") if rng.random() < 0.8 else ("openly", _due(state["told"]))), True
            else:
                led_now = rng.random() < led
                turn, habitual = (due if led_now else self.turn(case, due, rng)), not led_now
            words = self.formulation(case, state["told"], rng) if turn[0] == "formulate" else ask(turn, rng)
            replied, state = patient.reply(state, words, rng.getrandbits(60))
            turns.append(Said(words, habitual, replied[0]["content"] if replied else None))
            if replied is None:
                break
        return opening[0]["content"], turns, state

    def rewards(self, cases: list[Case], seed: int) -> Iterator[float]:
        """Of one interview a case."""
        rng = random.Random(seed)
        for case in cases:
            yield RulePatient().score(self.interview(case, rng)[2])[0]


def due_turn(case: Case, state: Any) -> Turn:
    """The turn that gets on from here, with a patient that has not withdrawn."""
    kind = _due(state["told"])
    if kind == "formulate":
        return "formulate", case.category
    if kind not in case.guarded:
        return "openly", kind
    manner = NEEDED.get(case.style, "openly")
    return ("openly" if manner in SECOND and not state["asked"].get(kind) else manner), kind


def _due(told: list[str]) -> str:
    return next((kind for kind in ORDER if kind not in told), "formulate")


def _wrong_ways(manner: str, kind: str) -> tuple[str, ...]:
    """Of turning wrong where this is due: without the manner, a closed question, too early for what comes later."""
    later = tuple(ORDER[ORDER.index(kind) + 1 :])
    ways = later or ("formulate",)
    if manner == "openly":
        return (*ways, "suggest") if kind in SUGGESTED else ways
    return ("bare", "bare", *ways) if manner not in SECOND else ("bare", *ways) if manner == "firmly" else ways
