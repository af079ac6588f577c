"""verl has every extension point as int_verl uses it; a test's name is the point's."""

from __future__ import annotations

import pytest

from tests.extension_points import POINTS


@pytest.mark.verl
@pytest.mark.parametrize("name", POINTS)
def test_it_is_there(name: str) -> None:
    import verl  # noqa: F401 - loads the plugin

    POINTS[name]()
