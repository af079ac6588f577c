"""A conversation as what has been said and as tokens, and where the policy's turns lie in it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from int_verl.steps import Steps
from int_verl.turns.environment import CUT_OFF, Message, State

BETWEEN = "\n\n"


@dataclass(frozen=True, slots=True)
class Turn:
    """A turn of the policy's that was said to its end."""

    begin: int
    "Its first token among the conversation's `ids`."
    heard: int
    "Messages before it, its place among the conversation's `messages`."
    state: State
    "The environment's before it."


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation so far; it does not change, what goes on is another one.

    Example, the environment's second message said and the policy's second turn to come, with tokens as words:

        Talk(prompt_ids=(SYSTEM, HELLO), opened=2, messages=({"role": "system", ...}, {"role": "user", ...},
             {"role": "assistant", "content": "Why?"}, {"role": "user", "content": "Work."}),
             ids=("Why", "?", END, "Work", ".", BEGIN), mask=(1, 1, 1, 0, 0, 0), turns=(Turn(0, 2, state),))
    """

    prompt_ids: tuple[int, ...]
    "What was said before the policy's first turn."
    messages: tuple[Message, ...]
    opened: int
    "How many of the messages are in the prompt."
    state: State
    ids: tuple[int, ...] = ()
    "Tokens behind the prompt: the policy's turns with their ends, and what was said between."
    mask: tuple[int, ...] = ()
    "1 for the policy's."
    turns: tuple[Turn, ...] = ()
    cut: tuple[int, ...] = ()
    "Tokens of a turn that was cut off; the environment was not given it."
    ended_by: str = ""
    """Empty: it is the policy's turn. ``environment``, ``max_turns``, ``turn_tokens``, ``length`` (see
    `int_verl.rl.turns_loop`), or ``fault``, ``lost``, ``prompt_too_long``."""
    fault: str | None = None
    "What the environment or the engine said, where one failed."
    drawn: int = field(default=0, compare=False)
    "Tokens that were sampled, in what the policy said since the conversation was taken up."

    def before(self, location: int) -> Talk:
        """The conversation as it was when turn `location`, from 1 on, was to be said; see `Steps.start`."""
        if location == len(self.turns) + 1:
            return self.whole()
        turn = self.turns[location - 1]
        return replace(
            self,
            messages=self.messages[: turn.heard],
            state=turn.state,
            ids=self.ids[: turn.begin],
            mask=self.mask[: turn.begin],
            turns=self.turns[: location - 1],
            cut=(),
            ended_by="",
            fault=None,
        )

    def whole(self) -> Talk:
        """Without a turn that was cut off, which may be said again."""
        return replace(self, cut=(), ended_by="" if self.is_cut_off else self.ended_by)

    @property
    def is_cut_off(self) -> bool:
        return self.ended_by in CUT_OFF

    @property
    def steps(self) -> Steps:
        """The policy's turns as the steps of an attempt."""
        texts = [self.messages[turn.heard]["content"] for turn in self.turns] or [""]
        bounds, end = list[tuple[int, int]](), -len(BETWEEN)
        for text in texts:
            begin = end + len(BETWEEN)
            end = begin + len(text)
            bounds.append((begin, end))
        return Steps(BETWEEN.join(texts), tuple(bounds))

    def as_json(self) -> str:
        """What a rollout of `int_turns` takes the conversation up from."""
        said = [dict(one) for one in self.messages[1:]]
        begun = {"ids": list(self.ids), "messages": said, "state": self.state, "turns": len(self.turns)}
        return json.dumps(begun | {"opened": self.opened - 1})

    def said_before(self, location: int) -> list[Message]:
        """What anybody but the policy said before turn `location`."""
        until = self.turns[location - 1].heard if location <= len(self.turns) else len(self.messages)
        return [one for one in self.messages[:until] if one["role"] != "assistant"]


def heard_between(messages: Sequence[Message]) -> list[list[str]]:
    """What others said before each of the policy's turns, and in the end; what it was told as the system aside.

    Example: the partner greets, the policy answers, the partner leaves: ``[["Hello."], ["Goodbye."]]``.
    """
    heard: list[list[str]] = [[]]
    for one in messages:
        if one["role"] == "assistant":
            heard.append([])
        elif one["role"] != "system":
            heard[-1].append(one["content"])
    return heard


def transcript(messages: Sequence[Message]) -> str:
    """Messages for who reads them: ``assistant: Why?``, a blank line, ``user: Work.``"""
    return BETWEEN.join(f"{one['role']}: {one['content']}" for one in messages)
