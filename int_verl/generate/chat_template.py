"""A model's chat template: messages rendered as its prompt, in which they stay text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from functools import cached_property
from typing import Any

from int_verl.errors import UserError, first_line
from int_verl.generate.text_tokens import TextTokens

Message = Mapping[str, str]

_PROBE = ({"role": "user", "content": "."},)
_MARK = "\ue000"
"A character of private use; as many as no message has stand where a look-alike of a special token is cut."
_PLACE = "\ue001"
"Another, repeated likewise: it stands in the place of what an assistant says."


class ChatTemplate:
    """The template of a tokenizer.

    Args:
        tokenizer: one of transformers, with a chat template.
        tokens: the same as a codec of text.
        today: what the template's `strftime_now` prints; None: the clock's day, as transformers has it.
        variables: more for the template, such as ``{"enable_thinking": False}``.
    """

    def __init__(
        self, tokenizer: Any, tokens: TextTokens, today: date | None = None, variables: Mapping[str, Any] | None = None
    ) -> None:
        self.tokenizer, self.tokens, self.variables = tokenizer, tokens, dict(variables or {})
        if today is not None:
            self.variables["strftime_now"] = datetime.combine(today, time()).strftime

    @cached_property
    def opening(self) -> str:
        """A prompt's text; it ends as every prompt does."""
        return self.rendered(_PROBE)

    @cached_property
    def control(self) -> frozenset[str]:
        """Added tokens that the template writes."""
        return self.tokens.special_in(self.opening)

    def prompt_ids(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of a chat, ready for the assistant's next turn.

        What looks like a special token in a message is encoded as text. A chat without such has the very tokens of its
        rendered prompt.

        Raises:
            UserError: the template fails, or leaves out what a message says.
        """
        marked, mark = self._marked(messages)
        first, *rest = self._kept(marked).split(mark)
        return self.tokens.as_written(first) + [token for piece in rest for token in self.tokens.after(piece)]

    def around(self, messages: Sequence[Message]) -> list[tuple[list[int], list[int]]]:
        """Token ids of what stands around the assistant's messages: before the first, between two, behind the last.

        Each time two pieces: the token that ends the message before, if the template has one, and the rest up to the
        generation prompt's end; behind the last message the former alone. The template is never shown what the
        assistant says, so that nothing of it is dropped or trimmed, as templates do with earlier thinking: a policy
        that talks to an environment has its own earlier tokens before it, in verl's rollouts, too.

        Raises:
            UserError: the template fails, or leaves out what a message says.
        """
        turns = [index for index, one in enumerate(messages) if one["role"] == "assistant"]
        found = [self._before(messages[:until]) for until in turns]
        return [*found, (self._before([*messages, *_PROBE])[0], [])]

    def before_next(self, messages: Sequence[Message]) -> list[int]:
        """Token ids of what stands between the end of the assistant's last turn and its next: what others said since.

        Raises:
            UserError: the template fails, or leaves out what a message says.
        """
        return self._before(messages)[1]

    def _before(self, messages: Sequence[Message]) -> tuple[list[int], list[int]]:
        """What stands before the assistant's next turn, from the end of its last on, if there was one."""
        place = _repeated(_PLACE, messages)
        hidden = [{**one, "content": place} if one["role"] == "assistant" else dict(one) for one in messages]
        begun = any(one["role"] == "assistant" for one in messages)
        marked, mark = self._marked(hidden)
        first, *rest = self._kept(marked).rpartition(place)[2].split(mark)
        ids = self.tokens.after(first) if begun else self.tokens.as_written(first)
        ids += [token for piece in rest for token in self.tokens.after(piece)]
        cut = int(begun and ids[:1] != [] and ids[0] in self.tokenizer.added_tokens_decoder)
        return ids[:cut], ids[cut:]

    def _kept(self, messages: Sequence[Message]) -> str:
        """The prompt of a chat, in which every message is to be found."""
        rendered = self.rendered(messages)
        for message in messages:
            if message["content"].strip() not in rendered:
                raise UserError(
                    f"{self.tokenizer.name_or_path}: its chat template leaves out or changes what the "
                    f"{message['role']} says; set one that takes the content of a message as one string"
                )
        return rendered

    def _marked(self, messages: Sequence[Message]) -> tuple[list[dict[str, str]], str]:
        """The messages with a mark wherever a look-alike of a special token is cut, and the mark."""
        pieces = [self.tokens.pieces(message["content"], self.control) for message in messages]
        mark = _repeated(_MARK, messages)
        joined = [mark.join(parts) for parts in pieces]
        return [{**message, "content": text} for message, text in zip(messages, joined, strict=True)], mark

    def rendered(self, messages: Sequence[Message], begun: bool = False) -> str:
        """The prompt of a chat as text.

        Args:
            begun: whether the last message is the beginning of the one that is to be written.

        Raises:
            UserError: the template fails, or leaves out what is begun.
        """
        rule = {"continue_final_message": True} if begun else {"add_generation_prompt": True}
        try:
            return str(self.tokenizer.apply_chat_template(messages, tokenize=False, **rule, **self.variables))
        except Exception as error:  # transformers renders it in Jinja's sandbox; it may fail as any program may
            raise UserError(f"{self.tokenizer.name_or_path}: its chat template fails ({first_line(error)})") from error


def _repeated(character: str, messages: Sequence[Message]) -> str:
    """So many of the character as no message holds."""
    mark = character
    while any(mark in message["content"] for message in messages):
        mark += mark
    return mark
