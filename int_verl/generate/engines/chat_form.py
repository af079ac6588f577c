"""Requests and answers as chats, for servers of chat alone: a prefix is the assistant's final message.

No standard says what a server makes of such a message. Some render it with the template and leave its end out (vLLM's
`continue_final_message`), some put it behind the prompt of a new turn (SGLang, llama.cpp), some of those return it with
what they add (llama.cpp); some close it and begin a new turn. The probe of the start finds out, by the count of tokens,
whether a server goes on with it and in which form; what a prefix becomes in either way is computed here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

from int_verl.errors import RefusedRequestError, UserError
from int_verl.generate.chat import chat_messages
from int_verl.generate.engines.answers import Answer, read_answer
from int_verl.generate.engines.base import Request
from int_verl.generate.engines.text_form import JOINT, Codec, TextForm
from int_verl.generate.text_tokens import InexactTextError
from int_verl.redaction import without_credentials
from int_verl.settings.sampling import Sampling

_BEGINNINGS = ("    ", " \ue000", " 七")
"""With white space, of which the count of tokens may tell that it is trimmed: a word is often one token with a space in
front and one without, a rare character is not."""
_REMEDY = (
    "it may begin a new turn behind the beginning of an answer, trim it, or have another chat template than model.path "
    "has, where it has to go on with it as it stands"
)


@dataclass(frozen=True, slots=True)
class ChatForm(TextForm):
    """A prompt as messages; of a prefix the last one is the assistant's, which the server has to continue.

    Args:
        tried: the prefix that the probe has; it begins with white space where the count tells of that.
        opened: what the message has before the prefix: thinking that the prompt opens, where the server does not.
        repeats: whether the server's answer begins with the message that it continues.
    """

    tried: str
    opened: str = ""
    repeats: bool = False

    path: ClassVar[str] = "chat/completions"

    @property
    def way(self) -> str:
        return (
            "its chat is used instead (/v1/chat/completions): a prefix goes out as the assistant's final message, and "
            "one that it does not continue with as many tokens as it has is a lost request"
        )

    @property
    def probe(self) -> Request:
        prompt_ids = (*self.codec.prompt_ids("."), *self.codec.encode(self.tried))
        return Request(prompt_ids, Sampling(max_tokens=1), seed=0, turns=(".", self.tried))

    def check(self, answer: str, url: str) -> None:
        """Whether the answer to the probe says how many tokens were computed, and repeats the prefix only if known to.

        Raises:
            UserError: it does not say, or repeats it.
        """
        TextForm.check(self, answer, url)
        content = _message(read_answer(answer, url)).get("content")
        if not self.repeats and isinstance(content, str) and content.strip().startswith(self.tried.strip()):
            raise UserError(f"engine.base_urls: {without_credentials(url)} repeats the message that it goes on with")

    def _question(self, request: Request) -> dict[str, Any]:
        turns, prompt_ids = request.turns, list(request.prompt_ids)
        if not turns:
            raise self._unfaithful(request, "is no chat")
        begun = len(turns) % 2 == 0
        if begun:
            if turns[-1][:1].isspace() and not self.tried[:1].isspace():
                raise self._unfaithful(request, "goes on with white space, which may be trimmed unnoticed")
            turns = (*turns[:-1], self.opened + turns[-1])
        readings = self._readings(turns)
        if prompt_ids not in readings:
            raise self._unfaithful(request, "encodes to other tokens")
        if any(len(other) == len(prompt_ids) and other != prompt_ids for other in readings):
            told = self._told
            if told is None or readings[told] != prompt_ids:
                raise self._unfaithful(request, "may be read in two ways of as many tokens")
        going_on = {"continue_final_message": True, "add_generation_prompt": False} if begun else {}
        return {"messages": chat_messages(turns), "return_token_ids": True, **going_on}

    def _readings(self, turns: tuple[str, ...]) -> list[list[int]]:
        """What servers may make of messages: a final one of the assistant behind the prompt, or rendered with it."""
        if len(turns) % 2:
            return [self.codec.as_written(self.codec.rendered(*turns))]
        texts = [self.codec.rendered(*turns[:-1]) + turns[-1]]
        with suppress(UserError):
            texts.append(self.codec.rendered(*turns))
        return [self.codec.as_written(text) for text in texts]

    @property
    def _told(self) -> int | None:
        """Which of two readings is the server's, where the probe's count has told."""
        probe = self.probe
        readings = self._readings((*probe.turns[:-1], self.opened + probe.turns[-1]))
        return readings.index(list(probe.prompt_ids)) if len(set(map(len, readings))) == 2 else None

    def _check_prompt(self, read: Answer, request: Request) -> None:
        """A server's template may change one prefix and not another."""
        read.check_prompt(request.prompt_ids, RefusedRequestError, _REMEDY)

    def _written(self, read: Answer, request: Request) -> Any:
        message, name = _message(read), without_credentials(read.url)
        if message.get("reasoning_content") or message.get("reasoning"):
            raise UserError(
                f"engine.base_urls: {name} takes the thinking out of its answers; start it without a reasoning parser"
            )
        content = message.get("content")
        if not self.repeats or len(request.turns) % 2 or not isinstance(content, str):
            return content
        sent = self.opened + request.turns[-1]
        if not content.startswith(sent):
            raise RefusedRequestError(
                f"engine.base_urls: {name} does not repeat the message that it goes on with (seed {request.seed}), as "
                "it did at the start"
            )
        return content[len(sent) :]


def chat_forms(codec: Codec) -> Iterator[ChatForm]:
    """The ways of servers, the usual ones first."""
    tried = _telling(codec)
    for opened, repeats in product(dict.fromkeys(("", codec.opened_with)), (False, True)):
        yield ChatForm(codec, tried, opened, repeats)


def _telling(codec: Codec) -> str:
    """A prefix with white space at both ends that is fewer tokens where it is trimmed; else one without it in front."""
    before, prompt_ids = codec.rendered("."), codec.prompt_ids(".")
    for beginning in _BEGINNINGS:
        prefix = beginning + JOINT
        whole, trimmed = codec.as_written(before + prefix), codec.as_written(before + prefix.lstrip())
        with suppress(InexactTextError):
            if len(trimmed) < len(whole) and [*prompt_ids, *codec.encode(prefix)] == whole:
                return prefix
    return JOINT


def _message(read: Answer) -> dict[str, Any]:
    message = read.choice.get("message")
    return message if isinstance(message, dict) else {}
