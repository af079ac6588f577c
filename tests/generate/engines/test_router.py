"""Which server takes a request: its family's, unless that has much more to do."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from int_verl.generate.engines.router import Router


@dataclass(eq=False)
class Server:
    in_flight: int = 0


def send(router: Router[Server], family: object, servers: list[Server]) -> Server:
    chosen = router.choose(family, servers)
    chosen.in_flight += 1
    return chosen


def test_families_go_to_the_idlest_and_stay_there() -> None:
    router, servers = Router[Server](64), [Server() for _ in range(4)]
    homes = {family: send(router, family, servers) for family in range(4)}
    assert set(homes.values()) == set(servers)
    for _ in range(7):
        for family in (3, 1, 0, 2):
            assert send(router, family, servers) is homes[family]


@pytest.mark.parametrize(("concurrency", "slack"), [(4, 2), (64, 8), (256, 32)])
def test_a_family_that_is_much_larger_than_others_is_spread(concurrency: int, slack: int) -> None:
    router, servers = Router[Server](concurrency), [Server() for _ in range(8)]
    for _ in range(8 * concurrency):
        send(router, "one", servers)
        loads = [server.in_flight for server in servers]
        assert max(loads) - min(loads) <= slack
    assert set(loads) == {concurrency}, "all places are in use"


def test_a_family_moves_from_a_server_that_is_gone_or_that_it_is_to_forget() -> None:
    router, servers = Router[Server](64), [Server(), Server()]
    home = send(router, "one", servers)
    (other,) = [server for server in servers if server is not home]
    router.forget("one")
    assert send(router, "one", servers) is other
    assert router.choose("one", [home]) is home
