"""Chats as rows of SFT: where the prompt ends and the trained text begins.

The rule is that of generation. The prompt is the chat up to its last message, rendered by the model's own template with
the generation prompt; the last message's text follows as it stands, encoded on its own, for a model begins a new token
there, too. The template's trimming and its end token are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from int_verl.errors import UserError

# What the generation prompt of a thinking model ends with: an open tag, or an empty block where thinking is off.
_THINKING_AT_THE_END = re.compile(r"<think>\s*(?:</think>\s*)?\Z")


def encode_chat(
    tokenizer: Any, messages: Sequence[Mapping[str, str]], template: Mapping[str, Any]
) -> tuple[list[int], list[int]]:
    """Token ids of the prompt, and of the last message's text.

    Args:
        tokenizer: with a chat template.
        messages: ``[{"role": "user", "content": "..."}, ..., {"role": "assistant", "content": "..."}]``. Thinking
            that the generation prompt opens may stand at the beginning of the last content once more.
        template: more variables for the template, such as ``{"enable_thinking": False}``.

    Raises:
        UserError: the last message is not the assistant's, or the template refuses the chat.
    """
    from jinja2.exceptions import TemplateError

    if len(messages) < 2 or messages[-1]["role"] != "assistant":
        raise UserError("messages must end with one of the assistant, after one of the user")
    *chat, answer = messages
    text = answer["content"]
    if not text:
        raise UserError("the assistant's message is empty")
    try:
        prompt = tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True, **template)
    except TemplateError as error:
        raise UserError(f"the model's chat template refuses the messages: {error}") from error
    opened = _THINKING_AT_THE_END.search(prompt)
    if opened and text.startswith(opened.group().rstrip()):
        text = text[len(opened.group().rstrip()) :].lstrip("\n")
    return _encode(tokenizer, prompt), _encode(tokenizer, text)


def _encode(tokenizer: Any, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False).input_ids)
