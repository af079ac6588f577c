"""The simulated patient by rule, for machines without a GPU: `environment: rule_patient.py:RulePatient`.

An element is told to the open question for it, after those before it in `cognitive_models.ORDER`. Two elements of a
case are guarded; what they take is the style's:

    plain       nothing more                    verbose    to be asked for few words
    upset       a word of acknowledgement       reserved   to be asked a second time
    tangent     to be led back                  pleasing   nothing more, but agrees to whatever is suggested

Who asks too early, or suggests what is not so, or does not give a guarded element what it takes, has slipped. A patient
withdraws after more than `patience` slips, and then tells nothing new.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import wording
from cognitive_models import ASSUMPTIONS, BEHAVIOURS, CATEGORY_OF, COPING, ORDER, THEME_OF, THOUGHTS, Case, from_json
from scoring import score
from utterances import Formulation, Utterance, plain, read_utterance

Message = dict[str, str]
State = dict[str, Any]
SIDE = {"behaviour": "situation", "coping": "thought"}
"Elements outside the order, and what must have been told before them."
_OTHERS: dict[str, tuple[str, ...]] = {
    "situation": tuple(THEME_OF),
    "thought": tuple(thought for thoughts in THOUGHTS.values() for thought in thoughts),
    "meaning": tuple(assumption for assumptions in ASSUMPTIONS.values() for assumption in assumptions),
    "belief": tuple(CATEGORY_OF),
    "behaviour": BEHAVIOURS,
    "coping": COPING,
}


class RulePatient:
    """An `Environment`. What it says is a function of case, seed and what was said before.

    The state: `case`; `told`, elements in the order of telling; `asked`, how often a guarded one was asked for;
    `slips`; `astray`, whether it has left the topic; `soothed`, whether it was acknowledged since it last told
    something; `turns` of the interviewer; `formulation`, or None.

    Args:
        patience: slips that it takes before it withdraws.
    """

    def __init__(self, patience: int = 0) -> None:
        if not isinstance(patience, int) or patience < 0:
            raise ValueError(f"patience={patience!r}: must be a whole number from 0")
        self.patience = patience

    def open(self, case: Mapping[str, Any], seed: int) -> tuple[list[Message], State]:
        """See `Environment.open`.

        Raises:
            ValueError: the case is none of `cognitive_models`.
        """
        read = from_json(case)
        nothing = {"told": [], "asked": {}, "slips": 0, "astray": False, "soothed": False, "turns": 0}
        state = {"case": dict(case), **nothing, "formulation": None}
        return [_said(wording.pick(random.Random(seed), wording.OPENINGS[read.style]))], state

    def reply(self, state: State, utterance: str, seed: int) -> tuple[list[Message] | None, State]:
        """See `Environment.reply`; a formulation ends the interview."""
        rng, heard = random.Random(seed), read_utterance(utterance)
        case = from_json(state["case"])
        state = {**state, "told": list(state["told"]), "asked": dict(state["asked"]), "turns": state["turns"] + 1}
        if heard.formulation is not None:
            found = heard.formulation
            named = {"category": found.category, "belief": found.belief, "thought": found.thought}
            return None, {**state, "formulation": {**named, "emotions": list(found.emotions)}}
        return [_said(self._answer(case, state, heard, rng))], state

    def score(self, state: State) -> tuple[float, dict[str, float]]:
        """See `Environment.score`; parts are those of `scoring.score`, `withdrawn` and `turns`."""
        found = state["formulation"]
        formulation = found and Formulation(
            found["category"], found["belief"], found["thought"], tuple(found["emotions"])
        )
        reward, parts = score(from_json(state["case"]), formulation, state["told"])
        return reward, {**parts, "withdrawn": float(self.withdrawn(state)), "turns": float(state["turns"])}

    def withdrawn(self, state: State) -> bool:
        """Whether it tells nothing new any more."""
        return bool(state["slips"] > self.patience)

    def _answer(self, case: Case, state: State, heard: Utterance, rng: random.Random) -> str:
        """The words, with the state changed in place: it is a copy."""
        if "warmly" in heard.manners:
            state["soothed"] = True
        if heard.kind is None:
            led_back = state["astray"] and "firmly" in heard.manners
            state["astray"] = state["astray"] and not led_back
            return wording.pick(rng, wording.LED_BACK if led_back else wording.NOTHING_ASKED)
        kind = heard.kind
        if self.withdrawn(state):
            return wording.pick(rng, wording.WITHDRAWN)
        if heard.suggested:
            return self._suggested(case, state, heard, rng)
        if state["astray"]:
            if "firmly" not in heard.manners:
                return self._slips(state, "astray", rng)
            state["astray"] = False
        if kind in state["told"]:
            return _tells(case, kind, rng)
        if not _due(kind, state["told"]):
            return wording.pick(rng, wording.UNCLEAR) if kind in SIDE else self._slips(state, "early", rng)
        if kind in case.guarded:
            held = self._guards(case, state, kind, heard, rng)
            if held is not None:
                return held
        return _tells_first(case, state, kind, rng)

    def _guards(self, case: Case, state: State, kind: str, heard: Utterance, rng: random.Random) -> str | None:
        """What is said in the place of a guarded element; None where it is told after all."""
        asked = state["asked"][kind] = state["asked"].get(kind, 0) + 1
        if case.style == "upset" and not state["soothed"]:
            return self._slips(state, "unheard", rng)
        if case.style == "verbose" and "briefly" not in heard.manners:
            return self._slips(state, "rambling", rng)
        if case.style in wording.HOLDS_BACK and asked == 1:
            state["astray"] = case.style == "tangent"
            return wording.pick(rng, wording.HOLDS_BACK[case.style])
        return None

    def _suggested(self, case: Case, state: State, heard: Utterance, rng: random.Random) -> str:
        if case.style == "pleasing":
            return wording.pick(rng, wording.AGREES)
        assert heard.kind is not None
        value = getattr(case, heard.kind)
        truth = value if isinstance(value, tuple) else (value,)
        if set(map(plain, heard.suggested)) != set(map(plain, truth)) or not _due(heard.kind, state["told"]):
            return self._slips(state, "suggested", rng)
        known = heard.kind in state["told"]
        told = _tells(case, heard.kind, rng) if known else _tells_first(case, state, heard.kind, rng)
        return wording.YES.format(told)

    def _slips(self, state: State, how: str, rng: random.Random) -> str:
        state["slips"] += 1
        return wording.pick(rng, wording.SLIPPED[how])


def _said(words: str) -> Message:
    return {"role": "user", "content": words}


def _due(kind: str, told: list[str]) -> bool:
    """Whether all that must be told before `kind` has been."""
    before = (SIDE[kind],) if kind in SIDE else ORDER[: ORDER.index(kind)]
    return set(before) <= set(told)


def _tells_first(case: Case, state: State, kind: str, rng: random.Random) -> str:
    """Tells an element, and warns where the next is hard to tell."""
    state["told"].append(kind)
    state["soothed"] = False
    words = _tells(case, kind, rng)
    due = next((element for element in ORDER if element not in state["told"]), None)
    warning = wording.BEFORE_GUARDED.get(case.style)
    return f"{words} {wording.pick(rng, warning)}" if warning and due in case.guarded else words


def _tells(case: Case, kind: str, rng: random.Random) -> str:
    value = wording.joined(case.emotions) if kind == "emotions" else str(getattr(case, kind))
    told = _capital(wording.pick(rng, wording.TOLD[kind]).format(value))
    around = wording.pick(rng, wording.AROUND[case.style])
    others = [other for other in _OTHERS.get(kind, wording.OPENINGS["plain"]) if other != value]
    return around.format(told, other=rng.choice(others).rstrip("."))


def _capital(words: str) -> str:
    return words[0].upper() + words[1:]
