"""Word problems of one or two operations, each with its answer and a solution of a line an operation.

    Ana has 7 shells. She finds 5 more shells. Then she gives 4 shells to Ben. How many shells does Ana have now?

    Ana has 7 + 5 = 12 shells.

    Then she has 12 - 4 = 8 shells.

    The answer is \\boxed{8}.

Small whole numbers alone. Every problem is drawn from its own number, so sets are the same every time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

PEOPLE = {
    "Ana": "she", "Ben": "he", "Carla": "she", "David": "he", "Emma": "she", "Farid": "he", "Grace": "she",
    "Hugo": "he", "Ines": "she", "Jonas": "he", "Kira": "she", "Leo": "he", "Mona": "she", "Noah": "he",
}  # fmt: skip
THINGS = {
    "shells": "finds", "marbles": "wins", "stickers": "buys", "apples": "picks", "cards": "buys", "pencils": "buys",
    "cookies": "bakes", "stamps": "collects", "coins": "saves", "books": "buys",
}  # fmt: skip
"Thing -> how one gets more of it."
EVENTS = ("more", "from", "fewer", "to")


@dataclass(frozen=True, slots=True)
class Event:
    """What happens to the number of things: its sentence, and the calculation that it asks for."""

    told: str
    calculation: str
    left: int


def story(number: int) -> dict[str, str] | None:
    """The problem with that number; None: there would be less than one thing left."""
    rng = random.Random(f"story {number}")
    name, friend = rng.sample(sorted(PEOPLE), 2)
    things, left = rng.choice(sorted(THINGS)), rng.randint(3, 15)
    told, events = [f"{name} has {left} {things}."], list[Event]()
    if rng.random() < 0.4:
        bags, each = rng.randint(2, 5), rng.randint(2, 6)
        told = []
        left = bags * each
        events = [Event(f"{name} has {bags} bags with {each} {things} in each bag.", f"{bags} * {each}", left)]
    for _ in range(rng.choice((1, 2)) - len(events)):
        events.append(_event(rng, PEOPLE[name], friend, things, left))
        left = events[-1].left
    if not events or min(event.left for event in events) < 1:
        return None
    told += [event.told for event in events]
    worked = [
        f"{f'Then {PEOPLE[name]}' if place else name} has {event.calculation} = {event.left} {things}."
        for place, event in enumerate(events)
    ]
    return {
        "id": f"story-{number}",
        "problem": " ".join([*told, f"How many {things} does {name} have now?"]),
        "answer": str(left),
        "reference_solution": "\n\n".join([*worked, f"The answer is \\boxed{{{left}}}."]),
        "source": f"{len(worked)} operation{'s' if len(worked) > 1 else ''}",
    }


def _event(rng: random.Random, who: str, friend: str, things: str, left: int) -> Event:
    number, kind = rng.randint(2, 9), rng.choice(EVENTS)
    told = {
        "more": f"{who.capitalize()} {THINGS[things]} {number} more {things}.",
        "from": f"{friend} gives {'her' if who == 'she' else 'him'} {number} {things}.",
        "fewer": f"Then {who} loses {number} {things}.",
        "to": f"Then {who} gives {number} {things} to {friend}.",
    }[kind]
    if kind in ("more", "from"):
        return Event(told, f"{left} + {number}", left + number)
    return Event(told, f"{left} - {number}", left - number)


def stories(first: int) -> Iterator[dict[str, str]]:
    """All problems from a number on."""
    return (found for number in count(first) if (found := story(number)) is not None)
