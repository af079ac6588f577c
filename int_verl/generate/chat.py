"""A model's tokenizer and chat template, as the generator needs them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from int_verl.errors import UserError, first_line
from int_verl.files import read_json
from int_verl.generate.chat_template import ChatTemplate
from int_verl.generate.text_tokens import TextTokens
from int_verl.generate.thinking import OPEN, opened_in


class ChatCodec:
    """Text to token ids and back, and chat prompts as token ids.

    Args:
        path: folder of a model in Hugging Face format.
        today: the day that the chat template prints, where it prints one; None: the clock's.

    Raises:
        UserError: no model or no chat template there, or a tokenizer that does not give back what it encodes.
    """

    def __init__(self, path: Path, today: date | None = None) -> None:
        # Read when transformers is imported; it would speak of image processors that no text model has.
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        from transformers import AutoTokenizer

        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(str(path))
        except (OSError, ValueError) as error:
            raise UserError(f"model.path={path}: no tokenizer can be loaded from it ({first_line(error)})") from error
        if not self.tokenizer.chat_template:
            raise UserError(f"model.path={path}: the tokenizer has no chat template; set one in tokenizer_config.json")
        self.end_ids = frozenset(end_token_ids(path, self.tokenizer.eos_token_id))
        self._tokens = TextTokens(self.tokenizer)
        self._tokens.check(f"model.path={path}")
        self._template = ChatTemplate(self.tokenizer, self._tokens, today)

    @cached_property
    def opened_thinking(self) -> str:
        """`<think>` if the chat template opens the model's thinking in the prompt, else nothing."""
        return opened_in(self._template.opening)

    @cached_property
    def opened_with(self) -> str:
        """The end of a prompt from the `<think>` on that the chat template opens there, or nothing."""
        opening = self._template.opening
        return opening[opening.rindex(OPEN) :] if self.opened_thinking else ""

    def encode(self, text: str) -> list[int]:
        """Token ids that continue any response by this text; what looks like a special token in it is text.

        Raises:
            InexactTextError: the tokenizer has no tokens that give it back as it is.
        """
        return self._tokens.exactly(text, self._template.control)

    def length(self, text: str) -> int:
        """Tokens of a text, about: as the tokenizer encodes it on its own."""
        return len(self._tokens.as_written(text))

    def as_written(self, text: str) -> list[int]:
        """Token ids of a rendered prompt, in which special tokens are what they say, as a server reads it."""
        return self._tokens.as_written(text)

    def continued(self, text: str) -> list[int]:
        """Token ids of a completion's text, in which special tokens are what they say.

        Raises:
            InexactTextError: the tokenizer has no tokens that give it back as it is.
        """
        return self._tokens.continued(text)

    def decode(self, token_ids: Sequence[int]) -> str:
        return self._tokens.decode(token_ids)

    def prompt_ids(self, *contents: str) -> tuple[int, ...]:
        """Token ids of a chat that alternates user and assistant, ready for the assistant's next turn.

        Raises:
            UserError: the chat template fails, or leaves out what a message says.
        """
        return tuple(self._template.prompt_ids(chat_messages(contents)))

    def opening_ids(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        """Token ids of what is said before the assistant's first turn, whoever says it.

        Raises:
            UserError: as `prompt_ids`.
        """
        return tuple(self._template.prompt_ids(messages))

    def before_next(self, messages: Sequence[Mapping[str, str]]) -> tuple[int, ...]:
        """Token ids between the end of the assistant's last turn and its next; see `ChatTemplate.before_next`.

        Raises:
            UserError: as `prompt_ids`.
        """
        return tuple(self._template.before_next(messages))

    @cached_property
    def end_of_turn(self) -> tuple[int, ...]:
        """The token with which the template ends what the assistant says; that which ends a text where it has none."""
        end = self._template.around(chat_messages(".."))[-1][0]
        return tuple(end) or (self.tokenizer.eos_token_id,)

    def rendered(self, *contents: str) -> str:
        """The text of such a chat, as a server renders it; of an even number the last message is only begun.

        Raises:
            UserError: the chat template fails.
        """
        return self._template.rendered(chat_messages(contents), begun=len(contents) % 2 == 0)

    def usual_prompt_ids(self, content: str, today: date | None) -> list[int]:
        """As transformers and verl encode it on that day: special tokens in the content are what they say."""
        template = ChatTemplate(self.tokenizer, self._tokens, today)
        return self._tokens.as_written(template.rendered([{"role": "user", "content": content}]))

    def without_end(self, token_ids: Sequence[int]) -> tuple[int, ...]:
        """A completion's tokens without the end token, if it closed with one."""
        return tuple(token_ids[:-1] if token_ids and token_ids[-1] in self.end_ids else token_ids)


def chat_messages(contents: Sequence[str]) -> list[dict[str, str]]:
    """What user and assistant say in turn, the user first."""
    return [{"role": "assistant" if i % 2 else "user", "content": content} for i, content in enumerate(contents)]


def end_token_ids(path: Path, eos_token_id: int | None) -> set[int]:
    """All tokens that end a turn: the tokenizer's and those of generation_config.json."""
    ids = {eos_token_id} if eos_token_id is not None else set()
    file = path / "generation_config.json"
    if file.is_file():
        listed = read_json(file).get("eos_token_id")
        ids |= set(listed) if isinstance(listed, list) else {listed} if listed is not None else set()
    return ids
