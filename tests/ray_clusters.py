"""A Ray cluster of several nodes on one machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

NODE = {"num_cpus": 8, "num_gpus": 1, "include_dashboard": False}
"Arguments of a node; the GPU is logical."


@contextmanager
def two_nodes() -> Iterator[Any]:
    """`ray.cluster_utils.Cluster` with a GPU on each node; `second` is the one that is not the head."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=NODE)
    try:
        cluster.second = cluster.add_node(**NODE)
        cluster.wait_for_nodes()
        yield cluster
    finally:
        cluster.shutdown()
