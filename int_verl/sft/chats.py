"""Chats as the tokens of SFT: an answer as mathematics trains it, or a conversation of which messages are trained.

Knows neither torch nor verl.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from int_verl.errors import UserError
from int_verl.generate.chat_template import ChatTemplate
from int_verl.generate.text_tokens import TextTokens

LOSS_MASK = "loss_mask"
"The key of a message, as verl's maintainers name it (verl issue 5316, pull request 5472): 1, it is trained; 0, not."

# What the generation prompt of a thinking model ends with: an open tag, or an empty block where thinking is off.
_THINKING_AT_THE_END = re.compile(r"<think>\s*(?:</think>\s*)?\Z")


def encode_chat(
    tokenizer: Any, messages: Sequence[Mapping[str, str]], template: Mapping[str, Any]
) -> tuple[list[int], list[int]]:
    """Token ids of the prompt, and of the last message's text.

    The rule is that of generation. The prompt is the chat up to its last message, rendered by the model's own template
    with the generation prompt; the last message's text follows as it stands, encoded on its own, for a model begins a
    new token there, too. The template's trimming and its end token are left out. A special token that the text ends
    with is trained as such; any other is text.

    Args:
        tokenizer: with a chat template.
        messages: ``[{"role": "user", "content": "..."}, ..., {"role": "assistant", "content": "..."}]``. Thinking
            that the generation prompt opens may stand at the beginning of the last content once more.
        template: more variables for the template, such as ``{"enable_thinking": False}``.

    Raises:
        UserError: the last message is not the assistant's, or the template refuses the chat.
    """
    if len(messages) < 2 or messages[-1]["role"] != "assistant":
        raise UserError("messages must end with one of the assistant, after one of the user")
    *chat, answer = _plain(messages)
    tokens = TextTokens(tokenizer)
    chat_template = ChatTemplate(tokenizer, tokens, variables=template)
    try:
        prompt = chat_template.prompt_ids(chat)
    except UserError as error:
        raise UserError(f"the model's chat template refuses the messages: {error}") from error
    text = _behind_the_prompt(chat_template, answer["content"])
    end = tokens.end_of(text)
    ids = tokens.exactly(text.removesuffix(end), chat_template.control)
    return prompt, ids + ([tokenizer.convert_tokens_to_ids(end)] if end else [])


@dataclass(frozen=True, slots=True)
class Conversation:
    """Token ids of a conversation up to the last message that is trained, in the parts of an SFT row."""

    prompt: list[int]
    "Up to the first word of the assistant's."
    prefix: list[int]
    "Up to the message that is trained last, what was said in between included."
    prefix_mask: list[int]
    "1 for the tokens of `prefix` that are trained."
    intervention: list[int]
    "The message that is trained last, with the token that ends its turn."


def has_masks(messages: Sequence[Mapping[str, Any]]) -> bool:
    return any(message.get(LOSS_MASK) is not None for message in messages)


def encode_conversation(
    tokenizer: Any, messages: Sequence[Mapping[str, Any]], template: Mapping[str, Any]
) -> Conversation:
    """A conversation whose messages say by ``loss_mask`` (0 or 1) whether they are trained.

    Of a message that is trained so are all words *and* the token that ends its turn: there a turn ends, where in
    mathematics an intervention is gone on from. Only the assistant's can be trained; one without a `loss_mask` is, as
    in verl. What anybody says is text, whatever it looks like, and the assistant's earlier words stand as they were
    said, thinking included. What comes after the last message that is trained is left out.

    Args:
        tokenizer: with a chat template.
        messages: ``[{"role": "user", "content": "..."}, {"role": "assistant", "content": "...", "loss_mask": 0}, ...]``
        template: more variables for the template.

    Raises:
        UserError: no message is trained, or one that is not the assistant's, or a mask is neither 0 nor 1, or the
            template refuses the conversation.
    """
    masks = [_mask(index, message) for index, message in enumerate(messages)]
    if not any(masks):
        raise UserError(f"no message of the assistant's has {LOSS_MASK} 1; leave the row out")
    last = len(masks) - masks[::-1].index(1)
    said = _plain(messages[:last])
    if said[0]["role"] == "assistant":
        raise UserError("messages must not begin with the assistant's")
    tokens = TextTokens(tokenizer)
    chat_template = ChatTemplate(tokenizer, tokens, variables=template)
    try:
        (_, prompt), *behind = chat_template.around(said)
    except UserError as error:
        raise UserError(f"the model's chat template refuses the messages: {error}") from error
    trained = [mask for mask, message in zip(masks, said, strict=False) if message["role"] == "assistant"]
    words = [_behind_the_prompt(chat_template, one["content"]) for one in said if one["role"] == "assistant"]
    prefix: list[int] = []
    prefix_mask: list[int] = []
    turn: list[int] = []
    for mask, text, (end, opening) in zip(trained, words, behind, strict=True):
        turn = tokens.exactly(text, chat_template.control) + end
        prefix += turn + opening
        prefix_mask += [mask] * len(turn) + [0] * len(opening)
    return Conversation(prompt, prefix[: -len(turn)], prefix_mask[: -len(turn)], turn)


def _mask(index: int, message: Mapping[str, Any]) -> int:
    """Whether a message is trained."""
    mask, speaks = message.get(LOSS_MASK), message["role"] == "assistant"
    if mask is None:
        return int(speaks)
    if mask not in (0, 1):
        raise UserError(f"message {index}: {LOSS_MASK} is {mask}, not 0 or 1")
    if mask and not speaks:
        raise UserError(
            f"message {index}: {LOSS_MASK} 1 is for the assistant's messages, not for the {message['role']}'s"
        )
    return int(mask)


def _plain(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """What the template is to see of messages: who says what; a UserError where the assistant says nothing."""
    plain = [{"role": one["role"], "content": one["content"] or ""} for one in messages]
    if any(one["role"] == "assistant" and not one["content"] for one in plain):
        raise UserError("the assistant's message is empty")
    return plain


def _behind_the_prompt(chat_template: ChatTemplate, text: str) -> str:
    """The assistant's text without the thinking's opening, where the generation prompt has that already."""
    opened = _THINKING_AT_THE_END.search(chat_template.opening)
    if opened and text.startswith(opened.group().rstrip()):
        return text[len(opened.group().rstrip()) :].lstrip("\n")
    return text
