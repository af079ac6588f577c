"""An engine that draws from a tiny model with transformers, where a test needs real tokens and no servers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from int_verl.generate.chat import end_token_ids
from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.engines.journaled import JournaledEngine
from int_verl.generate.journal import Journal
from int_verl.run.run import Policy


class TransformersEngine:
    """Samples at the request's temperature, with its seed, one request after the other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model: Any = None

    async def __aenter__(self) -> TransformersEngine:
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self.model = AutoModelForCausalLM.from_pretrained(self.folder)
        self.end_ids = end_token_ids(self.folder, AutoTokenizer.from_pretrained(self.folder).eos_token_id)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.model = None

    async def generate(self, request: Request) -> Completion:
        import torch

        draws = torch.Generator().manual_seed(request.seed)
        given, cache, drawn = list(request.prompt_ids), None, list[int]()
        with torch.inference_mode():
            while len(drawn) < request.sampling.max_tokens:
                output = self.model(torch.tensor([given]), past_key_values=cache, use_cache=True)
                odds_V = (output.logits[0, -1] / request.sampling.temperature).softmax(-1)
                token = int(torch.multinomial(odds_V, 1, generator=draws))
                given, cache = [token], output.past_key_values
                drawn.append(token)
                if token in self.end_ids:
                    return Completion(tuple(drawn), "stop")
        return Completion(tuple(drawn), "length")


class TransformersPolicy(Policy):
    """A policy with that engine, whatever its settings say; `opened` has every engine."""

    opened: list[JournaledEngine] = []  # noqa: RUF012 - of all

    def open(self, journal: Journal, say: Callable[[str], None]) -> JournaledEngine:  # noqa: ARG002
        engine = JournaledEngine(TransformersEngine(self.model.folder), journal, self.model.revision, self.settings)
        self.opened.append(engine)
        return engine
