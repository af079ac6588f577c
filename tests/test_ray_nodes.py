"""Whether verl's groups of GPUs fit on the nodes of a Ray."""

from __future__ import annotations

import pytest

from int_verl.errors import UserError
from int_verl.ray_nodes import RayNodes


@pytest.mark.parametrize(
    ("gpus", "groups", "each", "fits"),
    [
        ((8, 8), 2, 8, True),
        ((4, 4, 4, 4), 2, 8, False),
        ((4, 4, 4, 4), 8, 2, True),
        ((5, 5), 3, 4, False),
        ((16,), 2, 8, True),
        ((0, 8), 1, 8, True),
        ((), 1, 1, False),
    ],
)
def test_a_group_is_on_one_node(gpus: tuple[int, ...], groups: int, each: int, fits: bool) -> None:
    nodes = RayNodes.of({"CPU": 4.0, **({"GPU": float(count)} if count else {}), "memory": 1e9} for count in gpus)
    assert (nodes.cpus, nodes.gpus) == (4 * len(gpus), gpus)
    if fits:
        nodes.check_gpus(groups, each, "engine.nnodes", "gpu")
        return
    with pytest.raises(UserError, match=r"^engine.nnodes: .* so verl would wait for ever; lower them"):
        nodes.check_gpus(groups, each, "engine.nnodes", "gpu")
