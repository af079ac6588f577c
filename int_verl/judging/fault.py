"""Why a response has no verdict."""

from __future__ import annotations

FAULTS = (
    "settings", "template", "timeout", "unavailable", "refused", "unreadable", "cut", "no_verdict", "several_verdicts",
)  # fmt: skip


class Fault(Exception):
    """A judgement that failed.

    Example: ``Fault("unavailable", "503 Service Unavailable")``
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        "One of `FAULTS`."
