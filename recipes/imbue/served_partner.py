"""The partner as a served model plays it, for a GPU: `environment: served_partner.py:PlayedPartner`.

Its system prompt is a template over the same case as the partner by rule has; a judge rates the policy's utterances.
Tested against a scripted server; not verified on real models.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from dear_man import AGREES_AT, CONTENT, MANNER, SKILLS
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from situations import Situation, from_json
from skill_judge import SkillJudge

from int_verl.turns.environment import Message
from int_verl.turns.served import ServedPartner

AGREED, REFUSED = "We have an agreement.", "That is my last word."
"What the model ends a conversation with; only in its own mouth do they count."
OPENINGS = {"ask": "Yes, what is it?", "refuse": "Will you {asked}?"}
RESISTANCE = {
    "unmoved": "You do not see why it matters to them.",
    "attack": "You attack them personally, and see whether they stay with the matter, calm and confident.",
    "gain": "You ask what you gain from it, and say what you would like to have.",
    "cost": "It is too much for you as it stands; you wait for an offer.",
}
_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "prompts"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


class PlayedPartner(ServedPartner):
    """See `ServedPartner`; `state["ended"]` is ``agreed`` or ``refused`` where the model has ended the conversation.

    Args:
        judge: settings of `SkillJudge`.
        agreement: as `rule_partner.RulePartner` has it.
        server: of `ServedPartner`.

    Raises:
        UserError: a setting names nothing that there is.
    """

    def __init__(self, judge: Mapping[str, Any], agreement: bool = False, **server: Any) -> None:
        super().__init__(**server)
        self._judge, self.agreement = SkillJudge(**judge), agreement

    def told(self, case: Mapping[str, Any]) -> str:
        """See `ServedPartner.told`."""
        return system_prompt(from_json(case))

    def opening(self, case: Mapping[str, Any]) -> str:
        """See `ServedPartner.opening`."""
        situation = from_json(case)
        return OPENINGS[situation.kind].format(asked=situation.asked)

    def reply(self, state: Mapping[str, Any], utterance: str, seed: int) -> tuple[list[Message] | None, dict[str, Any]]:
        """See `Environment.reply`; the model's last words stay in the state."""
        said, state = super().reply(state, utterance, seed)
        words = said[-1]["content"] if said else ""
        for ended, sign in (("agreed", AGREED), ("refused", REFUSED)):
            if words.rstrip().endswith(sign):
                return None, {**state, "ended": ended}
        return said, state

    def score(self, state: Mapping[str, Any]) -> tuple[float, dict[str, float]]:
        """See `Environment.score`: the mean over the skills, from 0 to 2. Of skills that stay shown the best rating in
        the conversation counts, of the others the mean.

        Raises:
            SilentJudgeError: the judge has no verdict on an utterance.
        """
        situation = from_json(state["case"])
        ratings = asyncio.run(self._judge.rate_all(situation.told, state["messages"]))
        by_skill = dict.fromkeys(SKILLS, 0.0)
        if ratings:
            by_skill |= {skill: max(turn[skill] for turn in ratings) for skill in CONTENT}
            by_skill |= {skill: sum(turn[skill] for turn in ratings) / len(ratings) for skill in MANNER}
        rating, agreed = sum(by_skill.values()) / len(SKILLS), state.get("ended") == "agreed"
        parts = {**by_skill, "rating": rating, "agreed": float(agreed), "turns": float(len(ratings))}
        return rating if agreed or not self.agreement else 0.0, parts


def system_prompt(situation: Situation) -> str:
    """What the model is told."""
    return _templates.get_template("partner.jinja").render(
        kind=situation.kind,
        partner=situation.partner,
        topic=situation.topic,
        request=situation.request,
        asked=situation.asked,
        wants=situation.wants,
        obstacles=[RESISTANCE[obstacle] for obstacle in situation.obstacles],
        readiness=min(round(10 * situation.start / AGREES_AT), 10),
        patience=situation.patience,
        agreed=AGREED,
        refused=REFUSED,
    )
