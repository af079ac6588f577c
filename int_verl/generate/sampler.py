"""A model with the engine that draws from it, and what comes of a request."""

from __future__ import annotations

from array import array
from dataclasses import dataclass

from int_verl.errors import LostRequestError
from int_verl.generate.chat import ChatCodec
from int_verl.generate.engines.base import Engine, Request
from int_verl.generate.given import GIVEN
from int_verl.generate.model import LocalModel
from int_verl.generate.problem_rows import Row
from int_verl.generate.sameness import Sameness
from int_verl.generate.text_tokens import InexactTextError
from int_verl.generate.thinking import answer_in
from int_verl.records import PROVENANCE


@dataclass(frozen=True, slots=True)
class Draw:
    """What came of a request."""

    token_ids: tuple[int, ...]
    "The completion's, without the end token."
    text: str | None
    "The same as text; None: the prompt did not fit, was not sent, or the request was lost."
    opened_thinking: str
    provenance: Row
    "The columns that every generated row has, `int_verl.records.PROVENANCE`."

    @property
    def lost(self) -> bool:
        return self.provenance["fault"] is not None

    @property
    def cut_off(self) -> bool:
        return bool(self.provenance["finish_reason"] == "length")

    def answer(self, start: str = "") -> str | None:
        """What follows the thinking of a response that begins with `start`; None: see `no_answer`."""
        return None if self.text is None else answer_in(start + self.text, self.opened_thinking)

    @property
    def no_answer(self) -> str:
        """Why there is no answer, where there is none."""
        if self.text is None:
            return "lost" if self.lost else "prompt_too_long"
        return "truncated" if self.cut_off else "unclosed_thinking"


@dataclass(frozen=True, slots=True)
class Sampler:
    """A model as the dataflow talks to it."""

    engine: Engine
    "Where its completions come from; normally a `JournaledEngine`."
    model: LocalModel
    sameness: Sameness | None = None
    "Told of every completion."

    @property
    def codec(self) -> ChatCodec:
        return self.model.codec

    async def draw(self, request: Request, prompt_version: str, send: bool = True) -> Draw:
        """Ask the engine, unless the prompt does not fit with its new tokens or is not to be sent."""
        prompt_ids, sampling, completion, fault = request.prompt_ids, request.sampling, None, None
        if send and len(prompt_ids) + sampling.max_tokens <= self.model.context_length:
            try:
                completion = await self.engine.generate(request)
            except LostRequestError as error:
                fault = str(error)
        if completion and self.sameness:
            self.sameness.see(request, completion)
        token_ids = self.codec.without_end(completion.token_ids) if completion else ()
        provenance = self.provenance(request, prompt_version) | {
            "token_ids": array("i", completion.token_ids) if completion else None,
            "completion_tokens": len(completion.token_ids) if completion else 0,
            "finish_reason": completion.finish_reason if completion else None,
            "fault": fault,
        }
        text = self.codec.decode(token_ids) if completion else None
        return Draw(token_ids, text, self.codec.opened_thinking, provenance)

    def provenance(self, request: Request, prompt_version: str) -> Row:
        """The columns `PROVENANCE` as far as they say what is asked; nothing has come of it."""
        sampling = request.sampling
        return dict.fromkeys(field.name for field in PROVENANCE) | {
            "model": self.model.label,
            "model_revision": self.model.revision,
            "prompt_version": prompt_version,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
            "max_tokens": sampling.max_tokens,
            "seed": request.seed,
            # Rows wait until their problem is done: one tuple for all rollouts of a prefix, and 4 bytes a token.
            "prompt_ids": request.prompt_ids,
            "prompt_tokens": len(request.prompt_ids),
            "completion_tokens": 0,
        }

    def take(self, text: str, prompt_ids: tuple[int, ...]) -> Draw:
        """A completion that is given as text, in the tokens of this model; one that has none of its own is lost."""
        token_ids: tuple[int, ...] = ()
        fault: str | None = None
        try:
            token_ids = tuple(self.codec.encode(text))
        except InexactTextError as error:
            fault = f"given, but {error}"
        if self.codec.decode(token_ids) != text:
            fault = fault or "given, but the tokenizer does not give its text back"
        provenance = dict.fromkeys(field.name for field in PROVENANCE) | {
            "model": GIVEN,
            "prompt_ids": prompt_ids,
            "token_ids": array("i", token_ids),
            "prompt_tokens": len(prompt_ids),
            "completion_tokens": len(token_ids),
            "finish_reason": GIVEN,
            "fault": fault,
        }
        return Draw(token_ids, None if fault else text, self.codec.opened_thinking, provenance)
