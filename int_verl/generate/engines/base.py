"""The interface between the generator and whatever samples tokens: token ids in, token ids out."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, runtime_checkable

from int_verl.settings.sampling import Sampling

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class Request:
    """One completion to draw; equal requests to the same model are the same draw.

    Example: ``Request((1, 42, 7), Sampling(max_tokens=64), seed=1234)``
    """

    prompt_ids: tuple[int, ...]
    sampling: Sampling
    seed: int
    order: tuple[int, ...] = field(default=(), compare=False)
    """Its place in the dataflow: the problem's number, then what sorts deeper stages first. Requests with smaller
    orders are admitted first, and neighbours share a prefix. It says nothing about the draw."""

    turns: tuple[str, ...] = field(default=(), compare=False)
    """The chat that the prompt holds, for servers of chat alone: what user and assistant say in turn, the user first.
    Of an even number the last is the beginning of the answer that is to be gone on with."""

    stage: str = field(default="", compare=False)
    "The stage that it is drawn for, for who looks on; it says nothing about the draw either."

    @property
    def family(self) -> Hashable:
        """Equal for requests that share a prefix and are best sent to the same server: those of one problem."""
        return self.order[0] if self.order else self.prompt_ids


@dataclass(frozen=True, slots=True)
class Completion:
    """What the engine drew.

    Example: ``Completion((5, 9, 2), "stop")``, where 2 is the end token.
    """

    token_ids: tuple[int, ...]
    "Exactly the sampled tokens; the end token is the last one when `finish_reason` is stop."
    finish_reason: FinishReason
    "`length` when `max_tokens` were drawn without an end token."


@runtime_checkable
class Engine(Protocol):
    """An asynchronous sampler, used as an async context manager.

    `generate` may be awaited any number of times at once. It raises `EngineError` when the engine is lost and
    `TransientEngineError` when only this request is; a cancelled call gives the request up.
    """

    async def __aenter__(self) -> Engine: ...

    async def __aexit__(self, *exc_info: object) -> None: ...

    async def generate(self, request: Request) -> Completion: ...


@runtime_checkable
class Served(Protocol):
    """An engine of several servers, which can say how they are."""

    def servers(self) -> list[dict[str, Any]]:
        """Of each server: url, in_flight, well, and the fault that it had last."""
        ...
