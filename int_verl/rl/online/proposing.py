"""From a wrong attempt to an intervention: the generator's prompts, parser and tests, asked while RL samples."""

from __future__ import annotations

from dataclasses import dataclass

from int_verl.generate.acceptance import Acceptance
from int_verl.generate.candidates import Attempt, Candidate
from int_verl.generate.chat import ChatCodec
from int_verl.rl.online.asking import Asking
from int_verl.rl.online.group import Group
from int_verl.rl.online.plan import Plan
from int_verl.rl.online.row import OnlineRow
from int_verl.steps import prefix_tokens

ASKED_FOR_NOTHING = ("budget", "prompt_too_long", "no_guided_solution")
"Statuses of a proposal for which no verification was drawn."


@dataclass(frozen=True, slots=True)
class Proposal:
    """What came of one verification."""

    status: str
    "`proposed`, or why there is no intervention: docs/generator.md has the generator's; and `budget`."
    text: str = ""
    "The verification."
    candidate: Candidate | None = None
    content: str = ""
    location: int | None = None


@dataclass(frozen=True, slots=True)
class Proposing:
    """Interventions in attempts at one row."""

    plan: Plan
    codec: ChatCodec
    row: OnlineRow
    group: Group
    asking: Asking

    async def propose(self, attempt: Attempt, number: int) -> Proposal:
        """One verification of the attempt; its `number` among the attempt's."""
        turns: tuple[str, ...] = ()
        if self.plan.propose.two_turns:
            turns = await self.group.once("guided solution", self._guided_solution) or ()
            if not turns:
                return Proposal("no_guided_solution")
        row, templates = self.row, self.plan.templates
        content = templates.verify(
            row.problem, row.reference_solution, attempt.steps.texts, turns[1] if turns else None
        )
        draw = await self.asking.draw(self.codec.prompt_ids(*turns, content), self.plan.propose.sampling)
        if draw is None:
            return Proposal("budget")
        acceptance = Acceptance(self.plan.propose, self.codec, row.answer)
        status, intervention, _ = acceptance.of_draw(draw, attempt, content)
        if intervention is None:
            return Proposal(status, draw.text or "")
        candidate = None
        if status == "proposed":
            cut = attempt.steps.start(intervention.location)
            candidate = Candidate(attempt, number, intervention, prefix_tokens(self.codec, attempt.token_ids, cut))
        return Proposal(status, draw.text or "", candidate, intervention.content, intervention.location)

    async def _guided_solution(self) -> tuple[str, str] | None:
        """The first turn: the user's prompt and the policy's answer to it; None if there is none."""
        settings = self.plan.propose
        content = self.plan.templates.guided_solution(self.row.problem, self.row.reference_solution)
        sampling = settings.guided_solution_sampling or settings.sampling
        draw = await self.asking.draw(self.codec.prompt_ids(content), sampling)
        answer = None if draw is None or draw.cut_off else draw.answer()
        return (content, answer.strip()) if answer and answer.strip() else None
