"""What a call of one of verl's rollout servers raised: which server, whether it is dead, and why, in one line."""

from __future__ import annotations

from int_verl.redaction import redact


class ServerFault(Exception):
    """``str(fault)``: ``the rollout server at 10.0.0.5:41563 failed: its node is gone``.

    Args:
        server: its name or address.
        cause: what the call raised.
    """

    def __init__(self, server: str, cause: BaseException) -> None:
        super().__init__(f"the rollout server at {server} failed: {_why(cause)}")
        self.cause = cause

    @property
    def is_death(self) -> bool:
        """Whether the server will answer nothing more.

        Ray raises `RayActorError` where the actor's process or its node is gone, and `OutOfMemoryError` where Ray
        itself ended it because the host's memory was full. Where vLLM's engine, a process of its own, is gone, the
        actor lives on and every call raises vLLM's `EngineDeadError` (vllm/v1/engine/exceptions.py), which Ray hands on
        as a class that is both.
        """
        return not _names(self.cause).isdisjoint({"RayActorError", "OutOfMemoryError", "EngineDeadError"})


def _names(error: BaseException) -> set[str]:
    return {cls.__name__ for one in (error, getattr(error, "cause", None)) for cls in type(one).__mro__}


def _why(error: BaseException) -> str:
    if "OutOfMemoryError" in _names(error):
        return (
            "its host's memory is full, and Ray ended it (OutOfMemoryError): lower engine.in_flight, or "
            "engine.gpus_per_node, the servers of a node"
        )
    if "its node has died" in str(error):
        return f"its node is gone ({type(error).__name__})"
    return last_line(error)


def last_line(error: BaseException) -> str:
    """``ValueError: the last line of its message``, secrets left out."""
    lines = [line.strip() for line in redact(str(error)).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[-1][:300] if lines else ''}"
