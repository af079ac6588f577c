"""What an OpenAI-compatible server answered, read and held against what it was asked."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from int_verl.errors import TransientEngineError, UserError
from int_verl.generate.engines.base import Completion, FinishReason, Request
from int_verl.redaction import redact, without_credentials

_HIGHEST_ID = 2**31 - 1
"What the tables' columns of token ids hold."


@dataclass(frozen=True, slots=True)
class Answer:
    """The parts of a completion that every server's answer has."""

    choice: dict[str, Any]
    finish_reason: FinishReason
    computed: int | None
    "`usage.prompt_tokens`; None: it does not say."
    drawn: int | None
    "`usage.completion_tokens`."
    prompt_ids: list[Any] | None
    "The prompt's tokens, where it returns them."
    url: str
    "Of the server."

    def check_prompt(self, prompt_ids: Sequence[int], refusal: type[UserError] = UserError, remedy: str = "") -> None:
        """Refuse another prompt than the one that was sent.

        Args:
            refusal: what is raised.
            remedy: what to do; nothing: what helps where prompts go out as they are.

        Raises:
            UserError: the server computed another number of tokens, or not the same.
        """
        sent = len(prompt_ids)
        if self.prompt_ids is not None and self.prompt_ids != list(prompt_ids):
            field, computed = "prompt_token_ids", len(self.prompt_ids)
        elif self.computed is not None and self.computed != sent:
            field, computed = "usage.prompt_tokens", self.computed
        else:
            return
        what = f"a prompt of {sent} tokens was sent and one of {computed} computed"
        if sent == computed:
            what = f"{what}, with other tokens in it"
        remedy = remedy or (
            "give it a longer context, or lower engine.context_length"
            if computed < sent
            else "it may put a BOS token of its own before it; it has to take prompts as they are"
        )
        name = without_credentials(self.url)
        raise refusal(f"engine.base_urls: {name} answers another question ({field}): {what}; {remedy}")

    def check_length(self, drawn: int | None, asked: int) -> None:
        """Refuse a completion that was cut before `max_tokens`.

        Raises:
            UserError: it was.
        """
        if self.finish_reason == "length" and drawn is not None and drawn < asked:
            raise UserError(
                f"engine.base_urls: {without_credentials(self.url)} ended at {drawn} tokens with finish_reason=length "
                f"where max_tokens={asked} was asked for: a limit of its own; raise that (--max-model-len, a gateway's "
                "cap) or lower max_tokens"
            )


def read_answer(text: str, url: str) -> Answer:
    """A completion, of whatever form.

    Raises:
        TransientEngineError: it is none.
    """
    try:
        answer = json.loads(text)
        choice = answer["choices"][0]
        reason = choice["finish_reason"]
        if reason not in ("stop", "length"):
            raise ValueError(reason)
        usage = answer.get("usage") or {}
        prompt_ids = answer.get("prompt_token_ids", choice.get("prompt_token_ids"))
        computed, drawn = usage.get("prompt_tokens"), usage.get("completion_tokens")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise no_completion(text) from error
    listed = prompt_ids if isinstance(prompt_ids, list) else None
    return Answer(choice, reason, _count(computed), _count(drawn), listed, url)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def read_completion(text: str, request: Request, url: str) -> Completion:
    """The completion with token ids in a server's answer.

    Raises:
        TransientEngineError: it is no completion with token ids.
        UserError: the server did something else than it was asked to, as it will the next time: it computed another
            prompt, or ended at a length of its own.
    """
    answer = read_answer(text, url)
    try:
        token_ids = tuple(_token_id(one) for one in answer.choice["token_ids"])
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise no_completion(text) from error
    answer.check_prompt(request.prompt_ids)
    answer.check_length(len(token_ids), request.sampling.max_tokens)
    return Completion(token_ids, answer.finish_reason)


def no_completion(text: str) -> TransientEngineError:
    return TransientEngineError(f"not a completion: {_beginning(text)}")


def _token_id(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= _HIGHEST_ID:
        raise ValueError(f"no token id: {value!r}")
    return value


def read_object(text: str) -> dict[str, Any]:
    """The object that an answer is.

    Raises:
        TransientEngineError: it is none.
    """
    with contextlib.suppress(ValueError):
        if isinstance(answer := json.loads(text), dict):
            return answer
    raise TransientEngineError(f"not what an OpenAI-compatible server answers: {_beginning(text)}")


def model_cards(models: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Name -> what the server says of a model it serves; some gateways list bare names."""
    listed = models.get("data")
    cards = [card if isinstance(card, dict) else {"id": card} for card in (listed if isinstance(listed, list) else ())]
    return {str(card.get("id")): card for card in cards}


def said(text: str) -> str:
    """What a server says about an error: OpenAI's form, or the beginning of whatever it is."""
    try:
        body = json.loads(text)
        error = body.get("error", body)
        message = error["message"] if isinstance(error, dict) else error
    except (ValueError, LookupError, AttributeError):
        message = text
    return _beginning(str(message), 300)


def _beginning(text: str, length: int = 200) -> str:
    """What can be quoted of an answer, which may echo the key that it was asked with."""
    return " ".join(redact(text).split())[:length]
