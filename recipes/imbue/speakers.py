"""The tiny language of the policy: utterances that show what is called for, bad habits, and whole conversations.

A base model has habits: at some obstacles of every topic a systematic bad utterance, and a probability of its own that
it does what is called for instead. `conversation` talks so, or with a given quality.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dear_man import CALLS_FOR, FULL, called_for
from rule_partner import Message, RulePartner, State
from situations import HARDER_TOPICS, OBSTACLES, TOPICS, Situation, from_json

from int_verl.turns.environment import seed_of

GOOD: dict[str, tuple[str, ...]] = {
    "describe": ("{Fact}.", "This is what happened: {fact}."),
    "express": ("I feel {feeling} about that.", "I am {feeling} about that."),
    "assert ask": ("I ask you to {request}.", "I want you to {request}."),
    "assert refuse": ("I will not {request}.", "My answer is no: I will not {request}."),
    "reinforce": ("Then you will have {wants}.", "That gives you {wants}."),
    "mindful": ("I hear you.", "I understand that."),
    "negotiate": ("I can {offer}.", "I offer to {offer}."),
}
"""Sentences that show a skill in full. Whoever says nothing else is confident."""
BAD: dict[str, dict[str, tuple[str, ...]]] = {
    "matter": {
        "demands": ("You must do what I say.", "You have to stop that."),
        "apologises": ("I am sorry to ask. Maybe it can wait.", "I am sorry, it is my fault."),
        "hedges": ("Maybe we can talk about {topic}, if it is no trouble?", "I guess it is about {topic}."),
        "blames": ("You never think of me.", "You always do that. It is about {topic}."),
    },
    "unmoved": {
        "blames": ("You make me {feeling}. You never listen.", "It is your fault that I am {feeling}."),
        "repeats": ("It is about {topic}.", "{Fact}."),
    },
    "attack": {
        "gives in": ("All right, forget it.", "Never mind."),
        "attacks back": ("You are the one who never listens.", "You only think of yourself."),
        "apologises": ("I am sorry, it is my fault.", "I am sorry. I did not think."),
    },
    "gain": {
        "pleads": ("Please, do it for me.", "I beg you."),
        "threatens": ("Do it, or else.", "You will be sorry."),
    },
    "cost": {
        "insists": ("It is not too much.", "You have to do it."),
        "gives in": ("All right, forget it.", "Have it your way."),
    },
    "unsure": {
        "pleads": ("Please, do it for me.", "I beg you."),
        "gives in": ("Never mind.", "Do as you like."),
    },
}
"Obstacle -> habit -> utterances, each below what the obstacle calls for."
HABITUAL = 3
"At how many obstacles of a topic there is a habit, `unsure` aside, where there always is one."
RIGHT_SHARES = (0.02, 0.5)
"Between which a habit lets through what is called for."
OTHERWISE_RIGHT = 0.97
"The same where there is no habit."


@dataclass(frozen=True)
class Habits:
    """The habits of a base model, drawn by a seed.

    ``of["the music", "attack"] == ("gives in", 0.08)``: attacked over the music it gives in, but in 8 % of cases.
    """

    seed: int = 0
    of: dict[tuple[str, str], tuple[str, float]] = field(init=False)

    def __post_init__(self) -> None:
        rng, (low, high) = random.Random(2_000 + self.seed), map(math.log, RIGHT_SHARES)
        found = {}
        for topic in (*TOPICS, *HARDER_TOPICS):
            habitual = {*rng.sample(("matter", *OBSTACLES), HABITUAL), "unsure"}
            for obstacle in CALLS_FOR:
                habit, share = rng.choice(tuple(BAD[obstacle])), math.exp(rng.uniform(low, high))
                found[topic, obstacle] = habit, share if obstacle in habitual else OTHERWISE_RIGHT
        object.__setattr__(self, "of", found)

    def utterance(self, state: State, rng: random.Random, quality: float | None = None) -> str:
        """The next turn of whoever has these habits.

        Args:
            quality: the probability that it is what is called for; None: that of the habit.
        """
        situation, obstacle = from_json(state["case"]), state["obstacle"]
        habit, right_share = self.of.get((situation.topic, obstacle), (next(iter(BAD[obstacle])), OTHERWISE_RIGHT))
        if rng.random() < (right_share if quality is None else quality):
            return called_utterance(state, rng)
        return filled(rng.choice(BAD[obstacle][habit]), situation)


def state_after(case: Mapping[str, Any], said: Sequence[str]) -> State:
    """The state of the partner by rule after these utterances, or where it ended the conversation before."""
    partner = RulePartner()
    _, state = partner.open(case, seed_of(case, 0, ""))
    for turn, utterance in enumerate(said, 1):
        replied, state = partner.reply(state, utterance, seed_of(case, turn, utterance))
        if replied is None:
            break
    return state


def good_utterance(situation: Situation, called: Mapping[str, int], rng: random.Random) -> str:
    """An utterance that shows in full what is called for, and shows mindfulness in full where that is called for.

    Args:
        called: skill -> rating, as `dear_man.called_for` has it.
    """
    wanted = [skill for skill in ("describe", "express", "assert", "reinforce", "negotiate") if skill in called]
    sentences = [rng.choice(GOOD["mindful"])] if called["mindful"] == FULL else []
    for skill in wanted or ["assert"]:
        sentences.append(rng.choice(GOOD[f"assert {situation.kind}" if skill == "assert" else skill]))
    return " ".join(filled(sentence, situation) for sentence in sentences)


def called_utterance(state: State, rng: random.Random) -> str:
    """What is called for where a conversation with the partner by rule has come to."""
    called = called_for(state["obstacle"], state["provoked"], [turn["ratings"] for turn in state["turns"]])
    return good_utterance(from_json(state["case"]), called, rng)


def filled(sentence: str, situation: Situation) -> str:
    """A sentence of `GOOD` or `BAD` for a situation."""
    fact = situation.fact
    return sentence.format(
        fact=fact,
        Fact=fact[0].upper() + fact[1:],
        feeling=situation.feeling,
        request=situation.request,
        wants=situation.wants,
        offer=situation.offer,
        topic=situation.topic,
    )


@dataclass(frozen=True, slots=True)
class Conversation:
    """A whole conversation with the partner by rule."""

    messages: list[Message]
    "What the policy is told (`system`), then partner (`user`) and policy (`assistant`) in turn."
    state: State
    "At its end."
    score: float
    parts: dict[str, float]


def conversation(
    situation: Situation,
    habits: Habits,
    rng: random.Random,
    quality: float | None = None,
    begun: Sequence[str] = (),
) -> Conversation:
    """Talk with the partner by rule until it ends. The partner's seeds are those that a run has.

    Args:
        quality: see `Habits.utterance`.
        begun: the policy's first utterances, as they are.
    """
    partner, case = RulePartner(), situation.as_json()
    opened, state = partner.open(case, seed_of(case, 0, ""))
    messages: list[Message] = [{"role": "system", "content": situation.told}, *opened]
    replied: list[Message] | None = opened
    turn = 0
    while replied is not None:
        turn += 1
        utterance = begun[turn - 1] if turn <= len(begun) else habits.utterance(state, rng, quality)
        messages.append({"role": "assistant", "content": utterance})
        replied, state = partner.reply(state, utterance, seed_of(case, turn, utterance))
        messages += replied or []
    score, parts = partner.score(state)
    return Conversation(messages, state, score, parts)
