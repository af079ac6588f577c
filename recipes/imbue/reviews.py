"""What the policy does not see when it speaks: the guidance of a situation, and a verification of a conversation.

A verification goes turn by turn, the policy's turns being its steps, as far as nothing is weak: the ratings
of what was called for, and a verdict. It ends in the generator's block, with a better utterance and the number of the
turn whose place it takes.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from dear_man import CALLS_FOR, SKILLS, is_weak, weak_turn
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from situations import Situation
from speakers import good_utterance, state_after

from int_verl.generate.conversations.talk import heard_between

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "prompts"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def guidance(situation: Situation) -> str:
    """Which obstacles come in which order, what each calls for, and what the partner wants."""
    lines = [f"{name}: {' and '.join(CALLS_FOR[name])}" for name in ("matter", *situation.obstacles, "unsure")]
    return "\n".join([*lines, f"wants: {situation.wants}"])


def verification(situation: Situation, turns: Sequence[Mapping[str, Any]], rng: random.Random) -> str:
    """What a verifier writes.

    Args:
        turns: with `ratings` and `called`, as the state of `rule_partner.RulePartner` has them.

    Example:
        Step 1: describe 2, assert 2, mindful 2, confident 2; right.
        Step 2: mindful 0, confident 0; wrong.

        <intervention>
        { "content": "I hear you. I ask you to turn the music down at night.", "location": 2 }
        </intervention>
    """
    weak = weak_turn(turns)
    lines = []
    for number, turn in enumerate(turns[:weak], 1):
        rated = ", ".join(f"{skill} {turn['ratings'][skill]}" for skill in SKILLS if skill in turn["called"])
        lines.append(f"Step {number}: {rated}; {'wrong' if is_weak(turn['ratings'], turn['called']) else 'right'}.")
    block = ""
    if weak is not None:
        content = good_utterance(situation, turns[weak - 1]["called"], rng)
        block = f'{{ "content": {json.dumps(content)}, "location": {weak} }}\n'
    return "\n".join(lines) + f"\n\n<intervention>\n{block}</intervention>"


def verify_prompt(situation: Situation, messages: Sequence[Mapping[str, str]]) -> str:
    """The user's message that asks for a verification; the steps are the policy's turns.

    Args:
        messages: of partner and policy, without what the policy is told.
    """
    steps = [message["content"] for message in messages if message["role"] == "assistant"]
    return _templates.get_template("verify.jinja").render(
        problem=situation.told, reference_solution=guidance(situation), steps=steps, heard=heard_between(messages)
    )


def first_error(problem: Mapping[str, str], attempt_steps: Sequence[str]) -> int | None:
    """The first weak turn of a conversation with the partner by rule, from 1; None if there is none. See
    `int-verl analyse`: the conversation is held once more, with the partner's own seeds.

    Args:
        problem: as `make_cases.py` writes it.
        attempt_steps: the policy's turns.
    """
    return weak_turn(state_after(json.loads(problem["answer"]), attempt_steps)["turns"])
