"""What the nodes of a Ray that runs have, and whether verl's groups of GPUs fit on them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from int_verl.errors import UserError

_ASK = """
import json, sys, ray
ray.init(address=sys.argv[1], logging_level="ERROR", log_to_driver=False)
print("NODES" + json.dumps([node["Resources"] for node in ray.nodes() if node["Alive"]]))
"""
_ASK_SECONDS = 60


@dataclass(frozen=True, slots=True)
class RayNodes:
    """Of the nodes that live.

    Example: ``RayNodes(cpus=32, gpus=(8, 8))``
    """

    cpus: int
    "Logical processors of all nodes, free or not."
    gpus: tuple[int, ...]
    "Logical GPUs of each node, free or not."

    @classmethod
    def of(cls, resources: Iterable[Mapping[str, Any]]) -> RayNodes:
        """From what Ray says of each node."""
        each = list(resources)
        return cls(sum(int(one.get("CPU", 0)) for one in each), tuple(int(one.get("GPU", 0)) for one in each))

    @classmethod
    def ask(cls, address: str = "auto") -> RayNodes | None:
        """Those of the Ray at an address; None: it does not say. Asked in a process of its own."""
        try:
            command = [sys.executable, "-W", "ignore", "-c", _ASK, address]
            done = subprocess.run(command, capture_output=True, text=True, timeout=_ASK_SECONDS)
        except subprocess.TimeoutExpired:
            return None
        said = [line for line in done.stdout.splitlines() if line.startswith("NODES")]
        return cls.of(json.loads(said[-1].removeprefix("NODES"))) if said else None

    def __str__(self) -> str:
        of_each = " + ".join(map(str, self.gpus)) or "no"
        return f"{len(self.gpus)} {'node' if len(self.gpus) == 1 else 'nodes'}, {self.cpus} processors, {of_each} GPUs"

    def check_gpus(self, groups: int, each: int, decided_by: str, platform: Literal["cpu", "gpu"]) -> None:
        """Refuse what verl would wait for, for ever: each of its groups is on one node (STRICT_PACK).

        Args:
            groups: of GPUs.
            each: GPUs of a group.
            decided_by: the settings that say how many.

        Raises:
            UserError: naming them, what there is, and what to do.
        """
        if sum(gpus // each for gpus in self.gpus) >= groups:
            return
        wanted = f"{groups} times {each} GPUs on one node" if each > 1 else f"{groups} GPUs"
        logical = " --num-gpus=N` (on a CPU they are logical)" if platform == "cpu" else "`"
        raise UserError(
            f"{decided_by}: {wanted} are asked for, and the Ray to be joined has {self}, so verl would wait for ever; "
            f"lower them, or start the missing nodes with `ray start{logical}; RAY_ADDRESS=local is a new Ray"
        )
