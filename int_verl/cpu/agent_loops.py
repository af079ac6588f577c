"""Agent loops in the trainer's own process, for a machine with few cores."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from verl.trainer.ppo.v1.agent_loop_tq import AgentLoopManagerTQ, AgentLoopWorkerTQ


class InProcessAgentLoops(AgentLoopManagerTQ):
    """verl's agent-loop worker on a thread of the trainer instead of in a Ray actor of its own.

    Chosen by `actor_rollout_ref.rollout.agent.agent_loop_manager_class` (verl/trainer/main_ppo.py:120). The actor would
    first import all of verl again, while everything else waits for it; the trainer has done that already. The
    worker's code is verl's, unchanged.
    """

    async def _init_agent_loop_workers(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="agent-loops", daemon=True).start()
        worker_class: Any = AgentLoopWorkerTQ.__ray_metadata__.modified_class

        async def make() -> Any:
            return worker_class(self.config, self.llm_client, self.teacher_client, self.reward_loop_worker_handles)

        self._worker = asyncio.run_coroutine_threadsafe(make(), self._loop).result()

    def generate_sequences(self, prompts: Any) -> None:
        """Starts the rollouts of a batch; they end up in TransferQueue."""
        asyncio.run_coroutine_threadsafe(self._worker.generate_sequences(prompts), self._loop).result()
