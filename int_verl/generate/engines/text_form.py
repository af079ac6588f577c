"""Requests and answers as text, for servers that know no token ids: what goes out, and what its tokens are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from int_verl.errors import RefusedRequestError, UserError
from int_verl.generate.engines.answers import Answer, no_completion, read_answer
from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.text_tokens import InexactTextError
from int_verl.redaction import without_credentials
from int_verl.settings.sampling import Sampling

JOINT = "Step 1. We add 3 and 4. \n\n"
"How the probe's prompt ends: servers that trim prompts trim this."
_LOST = "\N{REPLACEMENT CHARACTER}"
"What a server writes for bytes that are no character."

CAVEAT = (
    "engine.tokens=text: completions come as text and are encoded anew, so their tokens need not be those that were "
    "drawn, and a server may not heed the seeds; prompts and prefixes go out only where their text encodes to the same "
    "tokens, as checked here and by the server's count of them"
)


class Codec(Protocol):
    """What the text forms need of `int_verl.generate.chat.ChatCodec`."""

    tokenizer: Any
    end_ids: frozenset[int]

    @property
    def opened_with(self) -> str: ...

    def decode(self, token_ids: Sequence[int]) -> str: ...

    def as_written(self, text: str) -> list[int]: ...

    def continued(self, text: str) -> list[int]: ...

    def encode(self, text: str) -> list[int]: ...

    def prompt_ids(self, *contents: str) -> tuple[int, ...]: ...

    def rendered(self, *contents: str) -> str: ...


@dataclass(frozen=True, slots=True)
class TextForm:
    """Prompts and completions as text, special tokens written out.

    Args:
        codec: the model's own tokenizer, by which the text of a prompt is checked and that of a completion encoded.
    """

    codec: Codec

    path: ClassVar[str] = "completions"
    remedy: ClassVar[str] = ""

    @property
    def way(self) -> str:
        return "prompts go out as text"

    @property
    def probe(self) -> Request:
        """Asked at the start; its prompt ends in white space and begins as every prompt does."""
        return Request((*self.codec.prompt_ids("."), *self.codec.encode(JOINT)), Sampling(max_tokens=1), seed=0)

    def asks(self, request: Request) -> dict[str, Any]:
        """The fields of a request.

        Raises:
            RefusedRequestError: the prompt's text has other tokens than the prompt.
        """
        top_k = request.sampling.top_k
        return {
            **self._question(request),
            "skip_special_tokens": False,
            # Off is -1 for some servers and 0 for others; as many as there are is off for all.
            "top_k": top_k if top_k > 0 else len(self.codec.tokenizer),
            "repeat_penalty": 1.0,  # llama.cpp's name for it
        }

    def check(self, answer: str, url: str) -> None:
        """Whether the answer to the probe says how many tokens were computed.

        Raises:
            UserError: it does not.
        """
        if read_answer(answer, url).computed is None:
            raise UserError(
                f"engine.base_urls: {without_credentials(url)} does not say how many prompt tokens it computed "
                "(usage.prompt_tokens), so that nothing tells whether it continues a prompt as it stands; "
                "engine.tokens=text needs a server that does"
            )

    def read(self, answer: str, request: Request, url: str) -> Completion:
        """The tokens of an answer's text; the end token is the last one when `finish_reason` is stop.

        Raises:
            TransientEngineError: it is no completion.
            RefusedRequestError: its text has no tokens that give it back.
            UserError: the server computed another prompt, or ended at a limit of its own.
        """
        read = read_answer(answer, url)
        self._check_prompt(read, request)
        text, reason = self._written(read, request), read.finish_reason
        if not isinstance(text, str):
            raise no_completion(answer)
        read.check_length(read.drawn, request.sampling.max_tokens)
        if reason == "length":
            text = text.rstrip(_LOST)  # a character that the limit cut in half
        token_ids = self._tokens_of(text, request)
        if reason == "stop" and self.codec.end_ids and not self.codec.end_ids.intersection(token_ids[-1:]):
            token_ids = (*token_ids, self._end)
        return Completion(token_ids, reason)

    def _question(self, request: Request) -> dict[str, Any]:
        text = self.codec.decode(request.prompt_ids)
        if self.codec.as_written(text) != list(request.prompt_ids):
            raise self._unfaithful(request, "encodes to other tokens")
        return {"prompt": text, "add_special_tokens": False}

    def _unfaithful(self, request: Request, why: str) -> RefusedRequestError:
        return RefusedRequestError(
            f"engine.tokens=text: the text of a prompt of {len(request.prompt_ids)} tokens (seed {request.seed}) {why}"
            ", so that a server cannot continue it faithfully; it needs one that takes token ids (engine.tokens=ids)"
        )

    def _check_prompt(self, read: Answer, request: Request) -> None:
        read.check_prompt(request.prompt_ids)

    def _written(self, read: Answer, request: Request) -> Any:  # noqa: ARG002 - for chats
        """The text of a completion, where it is one."""
        return read.choice.get("text")

    @property
    def _end(self) -> int:
        """The token that closes a completion: the servers do not say which it was."""
        usual = self.codec.tokenizer.eos_token_id
        return usual if usual is not None else min(self.codec.end_ids)

    def _tokens_of(self, text: str, request: Request) -> tuple[int, ...]:
        try:
            if _LOST not in text:
                return tuple(self.codec.continued(text))
        except InexactTextError:
            pass
        raise RefusedRequestError(
            f"engine.tokens=text: the text of a completion (seed {request.seed}) does not survive the way to "
            "tokens and back; it has bytes that are no text, or characters that the model's tokenizer does not keep"
        )
