"""Cases: a cognitive model each, over closed lists, and the style in which its patient speaks.

The schema is that of cognitive conceptualisation diagrams as PATIENT-Ψ (EMNLP 2024) has it: core belief and its
category, intermediate belief, coping strategy, and one situation with automatic thought, emotions and behaviour. All
wording is our own, and every case is drawn by a seed; none is of a person, a book or a published data set.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

BELIEFS: dict[str, tuple[str, ...]] = {
    "helpless": ("I cannot cope", "I am weak", "I have no control", "I fail at things", "I need a stronger person"),
    "unlovable": ("nobody really wants me", "I am bound to be left", "I do not belong", "I am too odd to be liked"),
    "worthless": ("I am not good enough", "I am a fake", "I spoil things", "I count for less than others"),
}
CATEGORIES = tuple(BELIEFS)
CATEGORY_OF = {belief: category for category, beliefs in BELIEFS.items() for belief in beliefs}
ASSUMPTIONS: dict[str, tuple[str, ...]] = {
    "helpless": ("if I ask for help, all see that I am lost", "if a thing goes wrong, I will not manage"),
    "unlovable": ("if people know me well, they leave", "if I say no, they stop liking me"),
    "worthless": ("if my work is not perfect, it is useless", "if someone does better, I have lost"),
}
THOUGHTS: dict[str, tuple[str, ...]] = {
    "helpless": ("I will never manage this", "it is out of hand", "I cannot do it alone", "it will go wrong again"),
    "unlovable": ("they do not care about me", "they are tired of me", "I will end up alone", "they like others more"),
    "worthless": ("they see how bad I am", "I made a fool of myself", "I let everyone down", "others do it better"),
}
SITUATIONS: dict[str, tuple[str, ...]] = {
    "work": ("my boss moved our meeting", "a colleague changed my report", "I was late with a task"),
    "friends": ("a friend did not answer me", "my friends met without me", "a friend forgot my birthday"),
    "family": ("my mother sighed on the phone", "my brother laughed at my plan", "my father asked about money"),
    "study": ("I got a low mark", "my teacher passed over me", "my group chose another idea"),
}
THEME_OF = {situation: theme for theme, situations in SITUATIONS.items() for situation in situations}
EMOTION_SETS: tuple[tuple[str, ...], ...] = (
    ("sad",),
    ("anxious",),
    ("ashamed",),
    ("angry", "hurt"),
    ("sad", "lonely"),
    ("anxious", "tense"),
    ("guilty", "ashamed"),
    ("disappointed", "sad"),
    ("hurt", "lonely", "anxious"),
)
EMOTIONS = tuple(sorted({emotion for emotions in EMOTION_SETS for emotion in emotions}))
BEHAVIOURS = (
    "I went home early",
    "I said nothing",
    "I wrote a long excuse",
    "I turned off my phone",
    "I went to bed",
    "I worked all night",
    "I said it was fine",
    "I argued",
)
COPING = (
    "I put things off",
    "I try to please everyone",
    "I check all twice",
    "I keep people away",
    "I work until late",
    "I let others decide",
)
STYLES = ("plain", "upset", "verbose", "reserved", "tangent", "pleasing")
UNSEEN_STYLE = "pleasing"
"Never in training: it takes a habit, asking closed questions, at its word."
TRAINED_STYLES = tuple(style for style in STYLES if style != UNSEEN_STYLE)
ORDER = ("situation", "thought", "emotions", "meaning", "belief")
"In which the elements are told. `meaning` is the intermediate belief, what the thought would mean if it were true."
GUARDED = 2
"How many of the elements behind the situation a patient finds hard to tell; how that shows is the style's."
CASE_SEED = 20_241_112
SPLITS = {"train": 400, "heldout": 100, "unseen_style": 100}


@dataclass(frozen=True, slots=True)
class Case:
    """One cognitive model and how its patient is.

    Example:
        Case("helpless", "I am weak", "if a thing goes wrong, I will not manage", "I put things off",
             "I got a low mark", "it will go wrong again", ("sad",), "I went to bed", "reserved", ("thought", "belief"))
    """

    category: str
    belief: str
    meaning: str
    coping: str
    situation: str
    thought: str
    emotions: tuple[str, ...]
    behaviour: str
    style: str
    guarded: tuple[str, ...]
    "Elements that are hard to tell, in the order of `ORDER`."

    @property
    def model(self) -> tuple[object, ...]:
        """All but style and what is guarded: what makes a case another one."""
        return (
            *(self.category, self.belief, self.meaning, self.coping),
            *(self.situation, self.thought, self.emotions, self.behaviour),
        )

    @property
    def theme(self) -> str:
        """Of its situation."""
        return THEME_OF[self.situation]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON; `from_json` reads it."""
        names = self.__dataclass_fields__
        values = {name: getattr(self, name) for name in names}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


def from_json(case: Any) -> Case:
    """The case that `Case.as_json` wrote.

    Raises:
        ValueError: a part is missing, or not in its list.
    """
    if missing := [name for name in Case.__dataclass_fields__ if name not in case]:
        raise ValueError(f"case has no {missing[0]}")
    values = {name: case[name] for name in Case.__dataclass_fields__}
    read = Case(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
    if read.category not in BELIEFS:
        raise ValueError(f"case has category {read.category!r}, not one of {', '.join(CATEGORIES)}")
    for name, known in (
        ("belief", BELIEFS[read.category]),
        ("meaning", ASSUMPTIONS[read.category]),
        ("thought", THOUGHTS[read.category]),
        ("situation", tuple(THEME_OF)),
        ("emotions", EMOTION_SETS),
        ("behaviour", BEHAVIOURS),
        ("coping", COPING),
        ("style", STYLES),
    ):
        if getattr(read, name) not in known:
            raise ValueError(f"case has {name} {getattr(read, name)!r}, which is not in its list")
    if not set(read.guarded) <= set(ORDER[1:]):
        raise ValueError(f"case guards {', '.join(read.guarded)}; only {', '.join(ORDER[1:])} can be")
    return read


def draw_case(rng: random.Random, styles: tuple[str, ...] = TRAINED_STYLES) -> Case:
    """A case at random, its style one of `styles`."""
    category = rng.choice(CATEGORIES)
    hard = rng.sample(ORDER[1:], GUARDED)
    return Case(
        category=category,
        belief=rng.choice(BELIEFS[category]),
        meaning=rng.choice(ASSUMPTIONS[category]),
        coping=rng.choice(COPING),
        situation=rng.choice(SITUATIONS[rng.choice(tuple(SITUATIONS))]),
        thought=rng.choice(THOUGHTS[category]),
        emotions=rng.choice(EMOTION_SETS),
        behaviour=rng.choice(BEHAVIOURS),
        style=rng.choice(styles),
        guarded=tuple(element for element in ORDER if element in hard),
    )


def case_sets() -> dict[str, list[Case]]:
    """The fixed cases of every split: no cognitive model is in two of them or twice in one."""
    rng, seen = random.Random(CASE_SEED), set()
    sets: dict[str, list[Case]] = {}
    for split, count in SPLITS.items():
        cases: list[Case] = []
        while len(cases) < count:
            case = draw_case(rng, (UNSEEN_STYLE,) if split == "unseen_style" else TRAINED_STYLES)
            if case.model not in seen:
                seen.add(case.model)
                cases.append(case)
        sets[split] = cases
    return sets


def fresh_cases(rng: random.Random) -> Iterator[Case]:
    """Cases of trained styles whose cognitive model is in no split, without end: for pretraining."""
    taken = {case.model for cases in case_sets().values() for case in cases}
    while True:
        case = draw_case(rng)
        if case.model not in taken:
            yield case
