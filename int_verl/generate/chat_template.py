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
        pieces = [self.tokens.pieces(message["content"], self.control) for message in messages]
        mark = _MARK
        while any(mark in message["content"] for message in messages):
            mark += mark
        marked = [{**message, "content": mark.join(parts)} for message, parts in zip(messages, pieces, strict=True)]
        rendered = self.rendered(marked)
        for message in marked:
            if message["content"].strip() not in rendered:
                raise UserError(
                    f"{self.tokenizer.name_or_path}: its chat template leaves out or changes what the "
                    f"{message['role']} says; set one that takes the content of a message as one string"
                )
        first, *rest = rendered.split(mark)
        return self.tokens.as_written(first) + [token for piece in rest for token in self.tokens.after(piece)]

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
