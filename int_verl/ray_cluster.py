"""Which Ray a run uses: the user's cluster, or one of its own that nobody else on the network can reach."""

from __future__ import annotations

import os
from pathlib import Path

LOOPBACK = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Ray's switch (ray/_private/ray_constants.py): 0, and all of its sockets, and verl's, which ask Ray for the node's
address, are on 127.0.0.1. Ray reads it once, when it is imported."""


def joins_a_cluster() -> bool:
    """Whether `ray.init()` would join a Ray that runs: that of `RAY_ADDRESS`, or of `ray start` on this machine."""
    address = os.environ.get("RAY_ADDRESS")
    if address:
        return address != "local"
    folder = os.environ.get("RAY_TMPDIR") or os.environ.get("TMPDIR") or "/tmp"
    return (Path(folder) / "ray" / "ray_current_cluster").exists()


def loopback_environment(nnodes: int) -> dict[str, str]:
    """What keeps a Ray of one's own on loopback; nothing for several nodes, a cluster, or where the user has said."""
    if nnodes > 1 or joins_a_cluster() or LOOPBACK in os.environ:
        return {}
    return {LOOPBACK: "0"}
