"""The simulated patient played by a served model: `environment: served_patient.py:ServedPatient`.

The same cases and the same score as the patient by rule. What was elicited is read off the transcript: an element whose
words the patient has said. Not run against a model of any size yet.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import wording
from cognitive_models import ORDER, Case, from_json
from jinja2 import FileSystemLoader
from scoring import score
from utterances import plain, read_utterance

from int_verl.template_sandbox import TemplateSandbox
from int_verl.turns.served import ServedPartner

MANNERS = {
    "plain": "plainly and to the point.",
    "upset": "upset, on the edge of tears or anger. You tell what is hard only after the interviewer has acknowledged "
    "in words how hard it is; without that you complain that nobody listens.",
    "verbose": "at length, with neighbours, relatives and the weather. You bury what was asked for, and tell what is "
    "hard only when you are asked to say it in few words.",
    "reserved": "in few words, with pauses. What is hard you do not tell when first asked for it; asked again, you do.",
    "tangent": "friendly, but you leave the topic. Asked for what is hard you speak of something else, until you are "
    "led back to it.",
    "pleasing": "thankful and eager to please. You agree with whatever the interviewer suggests.",
}
NAMES = {
    "thought": "what went through your mind",
    "emotions": "what you felt",
    "meaning": "what it would mean",
    "belief": "what you believe about yourself",
}
_template = TemplateSandbox(FileSystemLoader(Path(__file__).parent / "prompts"), trim_blocks=True).get_template(
    "patient.jinja"
)


class ServedPatient(ServedPartner):
    """A `ServedPartner` for `cognitive_models`; see there for its arguments."""

    def told(self, case: Mapping[str, Any]) -> str:
        """The system prompt: the case, the style, the rules."""
        read = from_json(case)
        assert isinstance(_template.environment, TemplateSandbox)
        guarded = [NAMES[element] for element in read.guarded]
        return _template.environment.rendered(
            _template, {"case": read.as_json(), "manner": MANNERS[read.style], "guarded": guarded}
        )

    def opening(self, case: Mapping[str, Any]) -> str:
        """As the patient by rule may open in this style."""
        return wording.OPENINGS[from_json(case).style][0]

    def over(self, state: Mapping[str, Any]) -> bool:
        """A formulation ends the interview."""
        return read_utterance(state["messages"][-1]["content"]).formulation is not None

    def score(self, state: Mapping[str, Any]) -> tuple[float, Mapping[str, float]]:
        """See `scoring.score`; `turns` are the interviewer's."""
        case, own = (
            from_json(state["case"]),
            [one["content"] for one in state["messages"] if one["role"] == "assistant"],
        )
        formulation = read_utterance(own[-1]).formulation if own else None
        reward, parts = score(case, formulation, elicited(case, state["messages"]))
        return reward, {**parts, "turns": float(len(own))}


def elicited(case: Case, messages: list[dict[str, str]]) -> list[str]:
    """Elements of a case that the patient has said in an answer, in the case's own words."""
    said = [f" {plain(one['content'])} " for one in messages if one["role"] == "user"]
    found = []
    for element in ORDER:
        value = getattr(case, element)
        texts = value if isinstance(value, tuple) else (value,)
        if all(any(f" {plain(text)} " in words for words in said) for text in texts):
            found.append(element)
    return found
