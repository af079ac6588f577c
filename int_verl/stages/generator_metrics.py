"""What trackers are told of the generator while it draws: numbers, and no word of a problem, a model or a server."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from int_verl.generate.advice import EarlyWarning
from int_verl.progress import StageProgress


class GeneratorMetrics:
    """Called for the step and the metrics of now.

    The step is the number of completions, drawn or from the journal: a run that goes on comes to the same numbers.

    Args:
        early: counts what became of the completions.
    """

    def __init__(self, progress: StageProgress, early: EarlyWarning) -> None:
        self._progress, self._early = progress, early
        self._tokens, self._then = 0, time.monotonic()

    def __call__(self) -> tuple[int, dict[str, float]]:
        state = self._progress.state()
        requests, servers = state["requests"], state["servers"]
        found: dict[str, float] = {
            "problems": state["position"],
            **self._tokens_of(state),
            "servers": len(servers),
            "servers_well": sum(bool(server["well"]) for server in servers),
        }
        found |= {f"requests/{name.replace(' ', '_')}": number for name, number in requests.items()}
        found |= {f"funnel/{event}": number for event, number in state["counts"].items()}
        for kind, outcomes in list(self._early.seen.items()):
            found |= {f"{kind}/{outcome}": number for outcome, number in dict(outcomes).items()}
        step = requests["drawn"] + requests["from the journal"]
        return step, {f"generator/{name}": number for name, number in found.items()}

    def _tokens_of(self, state: Mapping[str, Any]) -> dict[str, float]:
        """Tokens drawn, and how many a second since the last call."""
        tokens, now = state["totals"]["tokens"], time.monotonic()
        rate = (tokens - self._tokens) / max(now - self._then, 1e-3)
        self._tokens, self._then = tokens, now
        return {"tokens": tokens, "tokens_per_second": round(rate, 1)}
