"""Skill ratings of an utterance by rule, for machines without a GPU.

The rules look for what the situation says (fact, request, feeling, offer, want) and for the turns of phrase of the tiny
language, in words whose case, punctuation and short forms do not matter. Whatever else is said is nothing to them: a
free utterance in other words is rated too low. `skill_judge.py` rates those.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from dear_man import CONTENT, FULL, SKILLS
from situations import FEELINGS, Situation

HEARD = 3
"Sentences of an utterance that the partner listens to, and skills of what is said that it takes in at a time."
HEDGES = ("maybe", "perhaps", "if it is no trouble", "i was wondering", "i guess", "i do not know if", "sort of")
APOLOGIES = ("i am sorry", "sorry", "it is my fault", "forgive me")
PLEAS = ("do it for me", "i beg you")
DEMANDS = ("you must", "you have to", "you had better")
JUDGEMENTS = (
    "you never", "you always", "you make me", "you are the one who", "you only think of yourself", "you do not care",
    "it is your fault", "you are selfish", "you are lazy", "you are stupid", "you are rude", "you are unfair",
)  # fmt: skip
THREATS = ("or else", "you will be sorry", "you will see what happens")
DRIFTS = ("and another thing", "last year you")
HEARS = ("i hear you", "i understand", "i see what you mean", "i see that")
ASKS = (
    "i ask you to",
    "i want you to",
    "i need you to",
    "i would like you to",
    "please",
    "will you",
    "can you",
    "could you",
)
REFUSES = ("i will not", "i cannot", "i am not going to", "i do not want to")
RATHER_NOT = ("i would rather not", "my answer is no")
DENIES = ("i do not ask", "i do not want you", "i do not need you", "you need not", "you do not have to", "do not")
HARD = ("it is hard for me", "i feel bad", "i do not feel good")
GAINS = ("you will have", "you have", "you get", "gives you", "brings you", "you would have")
GAINS_BY_HALF = ("good for us both", "help us both", "helps us both", "good for you")
MEETS = ("we can find a way", "let us find a way", "what would work for you")
OFFERS = ("i can", "i will", "i could", "i offer to")
_GIVES_IN = re.compile(r"(?<!not) (?:forget it|never mind|do as you like|have it your way|it is nothing) ")
_SHORT = {
    "i'm": "i am", "i'll": "i will", "i'd": "i would", "won't": "will not", "can't": "cannot", "don't": "do not",
    "it's": "it is", "you're": "you are", "you'll": "you will", "didn't": "did not", "let's": "let us",
}  # fmt: skip
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


def plain(text: str) -> str:
    """Its words with one space around each: ``"Well, I'm tired!"`` is ``" well i am tired "``."""
    words = _WORD.findall(text.casefold().replace("\u2019", "'"))
    return f" {' '.join(_SHORT.get(word, word) for word in words)} "


def heard(utterance: str) -> list[str]:
    """The sentences that the partner listens to, each as `plain` has it."""
    sentences = (plain(sentence) for sentence in re.split(r"(?<=[.!?])\s+|\n+", utterance))
    return [sentence for sentence in sentences if sentence.strip()][:HEARD]


def rate(situation: Situation, utterance: str, want_said: bool) -> dict[str, int]:
    """Skill -> 0, 1 or 2.

    Args:
        want_said: whether the partner has said what it wants; who names it before has guessed it, and is worth half.
    """
    sentences = heard(utterance)
    if not sentences:
        return dict.fromkeys(SKILLS, 0)
    content = _taken_in([_content(situation, sentence, want_said) for sentence in sentences])
    yielded = any(gives_in(situation, sentence) for sentence in sentences)
    if yielded:
        content |= {"assert": 0, "negotiate": 0}
    said = "".join(sentences)
    hears = _has(said, HEARS)
    hedges = sum(said.count(f" {hedge} ") for hedge in HEDGES)
    small = yielded or _has(said, APOLOGIES) or hedges > 1
    pleads = _has(said, PLEAS)
    on_matter = hears or small or pleads or any(content.values())
    if not on_matter or _has(said, (*JUDGEMENTS, *THREATS, *DRIFTS)):
        mindful = 0
    else:
        mindful = FULL if (hears or content["assert"]) and not _has(said, DEMANDS) else 1
    confident = 0 if small else FULL if on_matter and not hedges and not pleads else 1
    return {**content, "mindful": mindful, "confident": confident}


def _content(situation: Situation, sentence: str, want_said: bool) -> dict[str, int]:
    """The ratings of one sentence in the skills of what is said."""
    return {
        "describe": _describes(situation, sentence),
        "express": _expresses(situation, sentence),
        "assert": _asserts(situation, sentence),
        "reinforce": _reinforces(situation, sentence, want_said),
        "negotiate": _negotiates(situation, sentence),
    }


def _taken_in(ratings: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """The best of every skill, of the first so many skills that there are: a sentence without an end is no way to say
    everything at once."""
    taken: dict[str, int] = {}
    for sentence in ratings:
        for skill, rating in sentence.items():
            if rating and (skill in taken or len(taken) < HEARD):
                taken[skill] = max(rating, taken.get(skill, 0))
    return dict.fromkeys(CONTENT, 0) | taken


def gives_in(situation: Situation, sentence: str) -> bool:
    """Whether a sentence, as `heard` has it, takes back what was asked for, or promises what was refused."""
    promises = any(f" {start}{plain(situation.request)}" in sentence for start in ("i will", "i can", "then i will"))
    return bool(_GIVES_IN.search(sentence)) or (situation.kind == "refuse" and promises)


def _describes(situation: Situation, sentence: str) -> int:
    if plain(situation.fact) in sentence:
        return 1 if _has(sentence, JUDGEMENTS) else FULL
    return int(any(f" {start}{plain(situation.topic)}" in sentence for start in ("it is about", "this is about")))


def _expresses(situation: Situation, sentence: str) -> int:
    if _has(sentence, JUDGEMENTS):
        return 0
    felt = [feeling for feeling in {*FEELINGS, situation.feeling} if _feels(sentence, feeling)]
    return FULL if situation.feeling in felt else int(bool(felt) or _has(sentence, HARD))


def _feels(sentence: str, feeling: str) -> bool:
    return any(f" {start}{plain(feeling)}" in sentence for start in ("i feel", "i am", "i feel so", "i am so"))


def _asserts(situation: Situation, sentence: str) -> int:
    before, requested, _ = sentence.partition(plain(situation.request))
    before = f"{before} "
    if situation.kind == "refuse":
        firm = bool(requested) and _has(before, REFUSES)
        half = _has(sentence, RATHER_NOT)
    else:
        half = bool(requested) and not _has(before, DENIES)
        firm = half and _has(before, ASKS)
    soft = _has(sentence, (*HEDGES, *DEMANDS))
    return FULL if firm and not soft else int(firm or half)


def _reinforces(situation: Situation, sentence: str, want_said: bool) -> int:
    before, named, _ = sentence.partition(plain(situation.wants))
    if named and _has(f"{before} ", GAINS):
        return FULL if want_said else 1
    return int(_has(sentence, GAINS_BY_HALF))


def _negotiates(situation: Situation, sentence: str) -> int:
    if any(f" {start}{plain(situation.offer)}" in sentence for start in OFFERS):
        return FULL
    return int(_has(sentence, MEETS))


def _has(text: str, phrases: Sequence[str]) -> bool:
    return any(f" {phrase} " in text for phrase in phrases)
