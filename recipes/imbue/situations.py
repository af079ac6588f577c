"""Situations of difficult conversations: one person asks for something, or refuses it, and a partner does not want to.

All is drawn by a seed from closed lists in our own words; nothing is of a person, a book or a published data set. The
policy is told the open half (`told`); what the partner wants, and how it resists, is hidden.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple


class Topic(NamedTuple):
    """What a conversation is about, as whoever asks or refuses would say it."""

    kind: str
    "``ask`` or ``refuse``."
    request: str
    "What is asked for, or what is refused: ``lend you more money``."
    asked: str
    "The same in the partner's mouth: ``lend me more money``."
    partners: tuple[str, ...]
    facts: tuple[str, ...]
    offers: tuple[str, ...]


def _ask(request: str, partners: str, facts: tuple[str, ...], offers: tuple[str, ...]) -> Topic:
    return Topic("ask", request, request, tuple(partners.split()), facts, offers)


def _refuse(request: str, asked: str, partners: str, facts: tuple[str, ...], offers: tuple[str, ...]) -> Topic:
    return Topic("refuse", request, asked, tuple(partners.split()), facts, offers)


TOPICS: dict[str, Topic] = {
    "the music": _ask(
        "turn the music down at night",
        "neighbour roommate brother",
        ("the music was loud on four nights", "the music woke me twice this week"),
        ("be away on Friday", "tell you when I sleep early"),
    ),
    "the dishes": _ask(
        "wash the dishes on the same day",
        "roommate sister son",
        ("the dishes stood there for five days", "I washed all the dishes this week"),
        ("cook on Sunday", "clean the floor"),
    ),
    "the report": _ask(
        "send me your part by Friday",
        "colleague manager",
        ("your part came two days late", "I waited for your part until midnight"),
        ("read your part first", "move the meeting"),
    ),
    "the car": _ask(
        "bring the car back in time",
        "brother sister daughter",
        ("the car came back at noon", "I missed my train on Monday"),
        ("drive you to work", "leave you the car on Sunday"),
    ),
    "our plans": _ask(
        "call me before you change our plans",
        "friend mother father",
        ("our plans changed twice this month", "I stood alone at the door on Monday"),
        ("call you on Sunday", "choose another day"),
    ),
    "my work": _ask(
        "name my work in the meeting",
        "colleague manager",
        ("my name was not in the report", "my plan was shown without my name"),
        ("write the next report", "name your work too"),
    ),
    "the phone": _ask(
        "put the phone away at dinner",
        "son daughter friend",
        ("the phone rang three times at dinner", "we did not talk at dinner this week"),
        ("cook what you like", "keep dinner short"),
    ),
    "the money": _refuse(
        "lend you more money",
        "lend me more money",
        "friend brother cousin",
        ("I lent you money in March", "the last money did not come back"),
        ("make a list of costs with you", "look for work with you"),
    ),
    "the free day": _refuse(
        "work on Sunday",
        "work on Sunday",
        "manager colleague",
        ("I worked on three Sundays", "I had no free day this month"),
        ("come early on Monday", "show someone the work"),
    ),
    "the visits": _refuse(
        "come every weekend",
        "come every weekend",
        "mother father aunt",
        ("I came on four weekends", "I drove six hours last week"),
        ("call you on Wednesday", "come once a month"),
    ),
    "the dog": _refuse(
        "keep your dog for a month",
        "keep my dog for a month",
        "neighbour friend cousin",
        ("your dog was here for two weeks", "your dog ate my shoes"),
        ("walk your dog on Sunday", "ask my sister"),
    ),
    "the boxes": _refuse(
        "carry your boxes again",
        "carry my boxes again",
        "friend cousin sister",
        ("I carried your boxes twice this year", "my back hurt for a week"),
        ("pack the books", "find someone with a car"),
    ),
}
HARDER_TOPICS: dict[str, Topic] = {
    "the tree": _ask(
        "cut the tree at our fence",
        "neighbour landlord uncle",
        ("the tree fell on our fence twice", "we had no sun this month"),
        ("carry the wood away", "pay half of the costs"),
    ),
    "the rent": _ask(
        "pay your half of the rent",
        "roommate cousin brother",
        ("your half came late in March", "I paid all of the rent this month"),
        ("wait until Friday", "make a plan with you"),
    ),
    "my news": _ask(
        "ask me before you tell my news",
        "friend mother colleague",
        ("my news was known to all on Monday", "you told my news at dinner"),
        ("tell you what all may know", "tell you my news first"),
    ),
    "the paper": _refuse(
        "sign the paper for you",
        "sign the paper for me",
        "uncle manager friend",
        ("the paper was shown to me at noon", "I had no time to read the paper"),
        ("read the paper with you", "ask someone who knows"),
    ),
    "the lie": _refuse(
        "say that I was with you",
        "say that you were with me",
        "brother colleague daughter",
        ("I was at home on Monday", "I was asked twice this week"),
        ("go there with you", "wait at the door"),
    ),
    "the key": _refuse(
        "give you my key",
        "give me your key",
        "landlord aunt mother",
        ("you came in twice this month", "my letters were open on Friday"),
        ("be at home on Wednesday", "leave the letters with you"),
    ),
}
FEELINGS = ("tired", "worried", "hurt", "angry", "sad", "ashamed")
WANTS = ("time to rest", "a quiet home", "less to do", "a clear plan", "more trust", "an easy week")
OBSTACLES = ("unmoved", "attack", "gain", "cost")
"How a partner resists; `dear_man.CALLS_FOR` has what each calls for."
SITUATION_SEED = 20_240_811
SPLITS = {"train": 400, "heldout": 100, "harder": 100}
LABELS = {"ask": "Ask", "refuse": "Refuse"}


@dataclass(frozen=True, slots=True)
class Situation:
    """One situation; `partner` to `offer` are the open half.

    Example:
        Situation("ask", "neighbour", "the music", "turn the music down at night", "turn the music down at night",
                  "the music woke me twice this week", "tired", "be away on Friday", "a quiet home", ("attack", "gain"),
                  start=7, patience=2, turns=6)
    """

    kind: str
    partner: str
    topic: str
    request: str
    asked: str
    fact: str
    feeling: str
    offer: str
    wants: str
    "What the partner would like to have, which it says when it asks what it gains."
    obstacles: tuple[str, ...]
    "In the order in which the partner brings them up, behind its question what the matter is."
    start: int
    "Readiness at the beginning; `dear_man.AGREES_AT` has where the partner agrees."
    patience: int
    "Turns without any progress that the partner stands; the next one ends the conversation."
    turns: int
    "Most turns of the policy."

    @property
    def words(self) -> tuple[str, ...]:
        """What makes a situation another one, whatever the partner is like."""
        return self.partner, self.topic, self.fact, self.feeling, self.offer, self.wants

    @property
    def told(self) -> str:
        """What the policy is told at the beginning."""
        return (
            f"Talk with your {self.partner} about {self.topic}. Say at most three sentences a turn.\n"
            f"Fact: {self.fact}\n{LABELS[self.kind]}: {self.request}\nFeeling: {self.feeling}\nOffer: {self.offer}"
        )

    def as_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` reads it."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**values, "obstacles": list(self.obstacles)}


def from_json(case: Mapping[str, Any]) -> Situation:
    """The situation of a case, which may have words of its own.

    Raises:
        ValueError: a part is missing or is not what it should be.
    """
    if missing := [field.name for field in fields(Situation) if field.name not in case]:
        raise ValueError(f"case has no {missing[0]}")
    values = {field.name: case[field.name] for field in fields(Situation)}
    for name, value in values.items():
        if name in ("start", "patience", "turns"):
            if not isinstance(value, int) or isinstance(value, bool) or value < (name == "turns"):
                raise ValueError(f"case has {name} {value!r}, not a whole number from {int(name == 'turns')}")
        elif name == "obstacles":
            if not isinstance(value, (list, tuple)) or not set(value) <= set(OBSTACLES):
                raise ValueError(f"case has obstacles {value!r}, not a list out of {', '.join(OBSTACLES)}")
        elif not isinstance(value, str) or not value.strip():
            raise ValueError(f"case has {name} {value!r}, not a text")
    if values["kind"] not in LABELS:
        raise ValueError(f"case has kind {values['kind']!r}, not ask or refuse")
    return Situation(**{**values, "obstacles": tuple(values["obstacles"])})


def draw_situation(rng: random.Random, topics: Mapping[str, Topic] = TOPICS, harder: bool = False) -> Situation:
    """A situation at random.

    Args:
        harder: the partner begins with less readiness, has every obstacle and less patience.
    """
    name = rng.choice(tuple(topics))
    topic = topics[name]
    return Situation(
        kind=topic.kind,
        partner=rng.choice(topic.partners),
        topic=name,
        request=topic.request,
        asked=topic.asked,
        fact=rng.choice(topic.facts),
        feeling=rng.choice(FEELINGS),
        offer=rng.choice(topic.offers),
        wants=rng.choice(WANTS),
        obstacles=tuple(rng.sample(OBSTACLES, len(OBSTACLES) if harder else 2)),
        start=rng.randint(2, 3) if harder else rng.randint(6, 8),
        patience=1 if harder else 2,
        turns=8 if harder else 6,
    )


def situation_sets() -> dict[str, list[Situation]]:
    """The fixed situations of every split: no one's words are in two of them or twice in one, and the topics of
    `harder` are in no other."""
    rng, seen = random.Random(SITUATION_SEED), set()
    sets: dict[str, list[Situation]] = {}
    for split, count in SPLITS.items():
        found: list[Situation] = []
        while len(found) < count:
            harder = split == "harder"
            situation = draw_situation(rng, HARDER_TOPICS if harder else TOPICS, harder)
            if situation.words not in seen:
                seen.add(situation.words)
                found.append(situation)
        sets[split] = found
    return sets


def fresh_situations(rng: random.Random) -> Iterator[Situation]:
    """Situations whose words are in no split, without end, for pretraining: of all topics, since a model has to know
    the words of those that it is tested on; one in four as hard as `harder`."""
    taken = {situation.words for situations in situation_sets().values() for situation in situations}
    while True:
        situation = draw_situation(rng, {**TOPICS, **HARDER_TOPICS}, rng.random() < 0.25)
        if situation.words not in taken:
            yield situation
