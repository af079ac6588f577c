"""The nodes of the Ray that this process has joined, as far as they answer."""

from __future__ import annotations

from int_verl.ray_nodes import RayNodes

_ANSWER_SECONDS = 60.0
"A worker has to start first."


def nodes_that_answer() -> RayNodes:
    """Asks each for an empty task: Ray calls a node that was killed alive for half a minute more."""
    import ray
    from ray.exceptions import RayError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    @ray.remote(num_cpus=0, max_retries=0)
    def answer() -> None:
        pass

    asked = {
        answer.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)).remote(): node
        for node in ray.nodes()
        if node["Alive"]
    }
    over, silent = ray.wait(list(asked), num_returns=len(asked), timeout=_ANSWER_SECONDS)
    for one in silent:
        ray.cancel(one)
    found = []
    for one in over:
        try:
            ray.get(one)
        except RayError:
            continue
        found.append(asked[one]["Resources"])
    return RayNodes.of(found)
