"""A model's tokenizer and chat template, as the generator needs them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from int_verl.errors import UserError, first_line
from int_verl.files import read_json
from int_verl.generate.thinking import opened_in


class ChatCodec:
    """Text to token ids and back, and chat prompts as token ids.

    Args:
        path: folder of a model in Hugging Face format.

    Raises:
        UserError: no model or no chat template there.
    """

    def __init__(self, path: Path) -> None:
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
        # transformers' own call and decode take twice the time, most of it in Python and under the interpreter's lock.
        self._backend: Any = getattr(self.tokenizer, "backend_tokenizer", None)
        if self._backend is not None:
            self._backend.no_truncation()
            self._backend.no_padding()

    @cached_property
    def opened_thinking(self) -> str:
        """`<think>` if the chat template opens the model's thinking in the prompt, else nothing."""
        return opened_in(self._apply_template([{"role": "user", "content": "."}]))

    def encode(self, text: str) -> list[int]:
        if self._backend is not None:
            return list(self._backend.encode(text, add_special_tokens=False).ids)
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    def decode(self, token_ids: Sequence[int]) -> str:
        if self._backend is not None:
            return str(self._backend.decode(list(token_ids), skip_special_tokens=False))
        return str(
            self.tokenizer.decode(list(token_ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )

    def prompt_ids(self, *contents: str) -> tuple[int, ...]:
        """Token ids of a chat that alternates user and assistant, ready for the assistant's next turn."""
        messages = [
            {"role": "assistant" if i % 2 else "user", "content": content} for i, content in enumerate(contents)
        ]
        return tuple(self.encode(self._apply_template(messages)))

    def _apply_template(self, messages: list[dict[str, str]]) -> str:
        try:
            return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
        except Exception as error:  # transformers renders it in Jinja's sandbox; it may fail as any program may
            raise UserError(f"{self.tokenizer.name_or_path}: its chat template fails ({first_line(error)})") from error

    def without_end(self, token_ids: Sequence[int]) -> tuple[int, ...]:
        """A completion's tokens without the end token, if it closed with one."""
        return tuple(token_ids[:-1] if token_ids and token_ids[-1] in self.end_ids else token_ids)


def end_token_ids(path: Path, eos_token_id: int | None) -> set[int]:
    """All tokens that end a turn: the tokenizer's and those of generation_config.json."""
    ids = {eos_token_id} if eos_token_id is not None else set()
    file = path / "generation_config.json"
    if file.is_file():
        listed = read_json(file).get("eos_token_id")
        ids |= set(listed) if isinstance(listed, list) else {listed} if listed is not None else set()
    return ids
