"""Requests and answers as token ids, as vLLM's server takes and returns them."""

from __future__ import annotations

from typing import Any

from int_verl.errors import UserError
from int_verl.generate.engines.answers import read_completion, read_object
from int_verl.generate.engines.base import Completion, Request
from int_verl.redaction import without_credentials
from int_verl.settings.sampling import Sampling


class IdsForm:
    """Prompts and completions as token ids."""

    path = "completions"
    way = "prompts go out as token ids"
    remedy = " (if it takes no token ids: engine.tokens=text)"
    probe = Request((0,), Sampling(max_tokens=1), seed=0)

    def asks(self, request: Request) -> dict[str, Any]:
        """The fields of a request."""
        return {"prompt": request.prompt_ids, "add_special_tokens": False, "return_token_ids": True}

    def check(self, answer: str, url: str) -> None:
        """Whether the answer to the probe has token ids.

        Raises:
            UserError: it has none.
        """
        choices = read_object(answer).get("choices")
        if not isinstance(choices, list) or not choices or choices[0].get("token_ids") is None:
            raise UserError(
                f"engine.base_urls: {without_credentials(url)} returns no token ids; it has to know `return_token_ids` "
                "in /v1/completions, as vLLM does from 0.10.2, or engine.tokens=text has to do"
            )

    def read(self, answer: str, request: Request, url: str) -> Completion:
        """The completion in an answer; see `read_completion`."""
        return read_completion(answer, request, url)
