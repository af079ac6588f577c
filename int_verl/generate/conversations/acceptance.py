"""Whether a proposed utterance is taken in a conversation, or why it is not."""

from __future__ import annotations

from dataclasses import dataclass

from int_verl.generate.acceptance import Acceptance
from int_verl.generate.candidates import Attempt
from int_verl.generate.conversations.talk import Talk
from int_verl.interventions import Intervention
from int_verl.turns.leaks import uses_hidden


@dataclass(frozen=True, slots=True)
class ConversationAttempt(Attempt):
    """An attempt whose steps are the policy's turns."""

    talk: Talk

    @classmethod
    def of(cls, index: int, talk: Talk) -> ConversationAttempt:
        return cls(index, talk.ids, talk.steps, talk)


@dataclass(frozen=True, slots=True)
class ConversationAcceptance(Acceptance):
    """The rules of `Acceptance`, with what is hidden in the place of the answer.

    Args:
        hidden: what no intervention may use before the partner has said it.
    """

    hidden: tuple[str, ...]

    def _is_quoted(self, intervention: Intervention, attempt: Attempt) -> bool:
        """Whether it is a block that the partner said, which a verification that quotes it would end with."""
        content = intervention.content.strip()
        return any(
            "<intervention" in one["content"].lower() and content in one["content"]
            for one in _talk(attempt).messages
            if one["role"] != "assistant"
        )

    def _leaks(self, intervention: Intervention, attempt: Attempt) -> bool:
        said = _talk(attempt).said_before(intervention.location)
        return uses_hidden(intervention.content, self.hidden, (one["content"] for one in said))


def _talk(attempt: Attempt) -> Talk:
    assert isinstance(attempt, ConversationAttempt)
    return attempt.talk
