"""Which servers the agent loops in the trainer's own process send to."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.verl, pytest.mark.slow]


@pytest.mark.timeout(120)
def test_those_of_every_replica_and_of_no_other_model(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    from int_verl.cpu.agent_loops import rollout_servers
    from int_verl.generate.engines.own_ray import OwnRay

    monkeypatch.setenv("RAY_ADDRESS", "local")
    own = OwnRay({"num_cpus": 8, "include_dashboard": False})

    @ray.remote(num_cpus=0)
    class Server:
        def name(self) -> str | None:
            return ray.get_runtime_context().get_actor_name()

    try:
        own.connect(logging_level="ERROR", log_to_driver=False)
        replicas = [f"vllm_server_{rank}_0" for rank in (0, 1, 10)]
        others = ["vllm_server_1_1", "vllm_server_reward_0_0", "agent_loop_worker_0_ab"]
        actors = [Server.options(name=name).remote() for name in (*replicas, *others)]
        servers = rollout_servers()
        assert {name: ray.get(actor.name.remote()) for name, actor in servers.items()} == {n: n for n in replicas}
        del actors
    finally:
        ray.shutdown()
        own.stop()
