"""Agent loops in the trainer's own process, for a machine with few cores."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any

import ray
from verl.trainer.ppo.v1.agent_loop_tq import AgentLoopManagerTQ, AgentLoopWorkerTQ

from int_verl.generate.engines.client import FamilyClient


class InProcessAgentLoops(AgentLoopManagerTQ):
    """verl's agent-loop worker on a thread of the trainer instead of in a Ray actor of its own.

    Chosen by `actor_rollout_ref.rollout.agent.agent_loop_manager_class` (verl/trainer/main_ppo.py:120). The actor would
    first import all of verl again, while everything else waits for it; the trainer has done that already. The
    worker's code is verl's, unchanged.
    """

    async def _init_agent_loop_workers(self) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="agent-loops", daemon=True).start()
        actor_class: Any = AgentLoopWorkerTQ
        worker_class = actor_class.__ray_metadata__.modified_class
        places = self.config.actor_rollout_ref.rollout.max_num_seqs
        client = FamilyClient(self.config, servers=rollout_servers(), concurrency=places)

        async def make() -> Any:
            return worker_class(self.config, client, self.teacher_client, self.reward_loop_worker_handles)

        self._worker = asyncio.run_coroutine_threadsafe(make(), self._loop).result()

    def generate_sequences(self, prompts: Any) -> None:
        """Starts the rollouts of a batch; they end up in TransferQueue."""
        asyncio.run_coroutine_threadsafe(self._worker.generate_sequences(prompts), self._loop).result()


def rollout_servers() -> dict[str, Any]:
    """Name -> actor of the first server of every replica, which takes the replica's requests.

    By the names that verl's own workers look them up by (verl/workers/rollout/vllm_rollout/vllm_rollout.py:165): the
    trainer gives out only a client of theirs.
    """
    names = [name for name in ray.util.list_named_actors() if re.fullmatch(r"vllm_server_\d+_0", name)]
    return {name: ray.get_actor(name) for name in sorted(names)}
