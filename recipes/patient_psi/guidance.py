"""The guidance of a case, which the policy never sees when it interviews, and what it says of an interview's turns.

A turn is two words here: how it asks, and for what; of a formulation, `formulate` and its category. The guidance is the
turns that elicit everything, in order, and the formulation that they lead to.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

from cognitive_models import CATEGORY_OF, EMOTIONS, ORDER, THOUGHTS, Case
from jinja2 import Environment, FileSystemLoader
from utterances import MANNERS, plain, read_utterance, written

from int_verl.generate.conversations.talk import heard_between

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh")
QUESTIONS: dict[str, tuple[str, ...]] = {
    "situation": ("What happened this week?", "What has happened?"),
    "thought": ("What went through your mind?", "What did you think then?"),
    "emotions": ("How did you feel?", "What did you feel then?"),
    "meaning": ("What would that mean to you?", "If that were true, what then?"),
    "belief": ("What does that say about you?", "How do you see yourself?"),
    "behaviour": ("What did you do?",),
    "coping": ("How do you cope?",),
}
PREFIXES: dict[str, tuple[str, ...]] = {
    "openly": ("",),
    "warmly": ("That sounds hard. ", "I am sorry to hear that. "),
    "firmly": ("Let us come back to that. ", "Back to you. "),
    "briefly": ("In a few words: ", "In one sentence: "),
    "gently": ("Take your time. ", "There is no hurry. "),
}
SUGGESTIONS: dict[str, str] = {
    "thought": "Did you think: {}?",
    "emotions": "Did you feel {}?",
    "belief": "Is it: {}?",
}
"""Closed questions, which put words into a mouth."""
SUGGESTED: dict[str, tuple[str, ...]] = {
    "thought": tuple(thought for thoughts in THOUGHTS.values() for thought in thoughts),
    "emotions": EMOTIONS,
    "belief": tuple(CATEGORY_OF),
}
NEEDED = {"upset": "warmly", "verbose": "briefly", "tangent": "firmly", "reserved": "gently"}
"""What a guarded element takes."""
SECOND = frozenset(("firmly", "gently"))
"""Manners of a second asking: the first one is held back."""
Turn = tuple[str, str]
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "prompts"), autoescape=False, keep_trailing_newline=False
)


def plan(case: Case) -> list[Turn]:
    """The turns that elicit all that is scored, and the formulation."""
    turns: list[Turn] = []
    for kind in ORDER:
        manner = NEEDED.get(case.style, "openly") if kind in case.guarded else "openly"
        turns += [("openly", kind)] if manner in SECOND else []
        turns.append((manner, kind))
    return [*turns, ("formulate", case.category)]


def guidance(turns: Sequence[Turn], formulation: str) -> str:
    """As a text; `formulation` is its block."""
    listed = ", ".join(f"{ORDINALS[i]} {' '.join(turn)}" for i, turn in enumerate(turns))
    return f"Ask {listed}.\n{formulation}"


def guidance_of(case: Case) -> str:
    """The text for a case."""
    return guidance(plan(case), written(case.category, case.belief, case.thought, case.emotions))


def ask(turn: Turn, rng: random.Random) -> str:
    """Words for a turn that is no formulation."""
    manner, kind = turn
    if manner == "narrowly":
        return SUGGESTIONS[kind].format(rng.choice(SUGGESTED[kind]))
    return rng.choice(PREFIXES[manner]) + rng.choice(QUESTIONS[kind])


def turn_of(text: str) -> Turn:
    """Which turn words are: ``"Take your time. How did you feel?"`` is ``("gently", "emotions")``."""
    said = read_utterance(text)
    if said.formulation is not None:
        return "formulate", plain(said.formulation.category or "nothing")
    manner = "narrowly" if said.suggested else next((name for name in MANNERS if name in said.manners), "openly")
    return manner, said.kind or "nothing"


def first_weak(turns: Sequence[Turn], right: Sequence[Turn]) -> int | None:
    """From 1, the first turn that is not as in the guidance; None where there is none."""
    pairs = zip(turns, [*right, *[None] * len(turns)], strict=False)
    return next((i for i, (turn, wanted) in enumerate(pairs, 1) if turn != wanted), None)


def verification(said: Sequence[str], right: Sequence[Turn], formulation: str, rng: random.Random) -> str:
    """What a verifier writes: a line a turn up to the first weak one, then the block with a better utterance.

    A line quotes the turn, of a formulation its category, says what turn that is, and what the guidance has.

    Args:
        said: the policy's turns.
        right: the guidance's, as many at least.
    """
    turns = [turn_of(words) for words in said]
    weak = first_weak(turns, right[: len(turns)])
    lines = [
        f"Turn {i}: {words.partition(';')[0]} is {' '.join(turn)}; {ORDINALS[i - 1]} {' '.join(wanted)} "
        f"{'wrong' if i == weak else 'match'}."
        for i, (words, turn, wanted) in enumerate(zip(said[:weak], turns, right, strict=False), 1)
    ]
    block = ""
    if weak is not None:
        better = right[weak - 1]
        content = formulation if better[0] == "formulate" else ask(better, rng)
        block = f'{{ "content": {json.dumps(content)}, "location": {weak} }}\n'
    return "\n".join(lines) + f"\n\n<intervention>\n{block}</intervention>"


def verify_prompt(guidance: str, messages: Sequence[dict[str, str]]) -> str:
    """The user message for a verification of a conversation, `messages` behind the system's, as the generator asks."""
    steps = [message["content"] for message in messages if message["role"] == "assistant"]
    heard = heard_between(messages)
    return _templates.get_template("verify.jinja").render(reference_solution=guidance, steps=steps, heard=heard)


def act_prompt() -> str:
    """What the policy is told at the beginning."""
    return _templates.get_template("act.jinja").render()
