"""Whether a proposed intervention is taken, or why it is not."""

from __future__ import annotations

from dataclasses import dataclass

from int_verl.generate.candidates import Attempt
from int_verl.generate.chat import ChatCodec
from int_verl.generate.filters import check_location, leaks_answer
from int_verl.generate.given import intervention_in
from int_verl.generate.problem_rows import Row
from int_verl.generate.sampler import Draw
from int_verl.generate.text_tokens import InexactTextError
from int_verl.interventions import Intervention, InterventionParseError, parse_intervention
from int_verl.interventions.parse import is_example
from int_verl.settings.generation import ProposeSettings

Verdict = tuple[str, Intervention | None, str]
"""`proposed` or the reason why not, the intervention if there is one, and how its location contradicts the
verification."""


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The rules for the interventions of one problem.

    Args:
        codec: of the policy.
        answer: the gold answer, which must not be given away.
    """

    settings: ProposeSettings
    codec: ChatCodec
    answer: str

    def of_draw(self, draw: Draw, attempt: Attempt, prompt: str) -> Verdict:
        """What a verification amounts to that was asked for with `prompt`."""
        answer = draw.answer()
        if answer is None:
            return draw.no_answer, None, ""
        try:
            intervention = parse_intervention(answer)
            if is_example(intervention, prompt) or self._is_quoted(intervention, attempt):
                raise InterventionParseError("empty_content")
        except InterventionParseError as error:
            return "truncated" if draw.cut_off else error.reason, None, ""
        return self._of(intervention, attempt, answer)

    def of_row(self, row: Row, attempt: Attempt) -> Verdict:
        """What a given intervention amounts to."""
        try:
            return self._of(intervention_in(row), attempt, row["text"] or "")
        except InterventionParseError as error:
            return error.reason, None, ""

    def _of(self, intervention: Intervention, attempt: Attempt, log: str) -> Verdict:
        settings = self.settings
        misplaced = check_location(intervention, len(attempt.steps), log) or ""
        if misplaced == "location_out_of_range" or (misplaced and settings.after_first_error == "drop"):
            return misplaced, intervention, misplaced
        if self._leaks(intervention, attempt):
            return "leak", intervention, misplaced
        try:
            content_ids = self.codec.encode(intervention.content)
        except InexactTextError:
            return "not_encodable", intervention, misplaced
        if len(content_ids) > settings.max_content_tokens:
            return "too_long", intervention, misplaced
        return "proposed", intervention, misplaced

    def _is_quoted(self, intervention: Intervention, attempt: Attempt) -> bool:  # noqa: ARG002 - of conversations
        """Whether an intervention is somebody else's, who speaks in the attempt."""
        return False

    def _leaks(self, intervention: Intervention, attempt: Attempt) -> bool:  # noqa: ARG002 - of conversations
        content = intervention.content
        return self.answer in content if self.settings.leak_test == "substring" else leaks_answer(content, self.answer)
