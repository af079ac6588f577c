"""verl has every extension point as int_verl uses it; a test's name is the point's."""

from __future__ import annotations

import pytest

from tests import extension_points
from tests.extension_points import POINTS, says, takes


@pytest.mark.verl
@pytest.mark.parametrize("name", POINTS)
def test_it_is_there(name: str) -> None:
    import verl  # noqa: F401 - loads the plugin

    POINTS[name]()


def test_what_is_gone_is_named() -> None:
    def ours(config: object, *, client_cls: object) -> None: ...

    takes(ours, "client_cls", "config")
    takes(lambda **_: None, "anything")
    with pytest.raises(AssertionError, match=r"ours takes no other, servers any more"):
        takes(ours, "config", "servers", "other")
    with pytest.raises(AssertionError, match=r"tests.extension_points does not know no such \w+ any more"):
        says(extension_points, "POINTS", "no such " + "key")
