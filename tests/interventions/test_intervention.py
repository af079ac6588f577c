"""An intervention put into its attempt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from int_verl.interventions import Intervention, guided_prefix
from int_verl.steps import split_steps


def test_an_intervention_never_holds_nothing() -> None:
    for content, location in ((None, 1), ("", 1), (" \n", 1), ("a", 0), ("a", None), ("a", True), ("a", 1.0)):
        with pytest.raises(ValueError, match="an intervention's"):
            Intervention(content, location)  # type: ignore[arg-type]


@given(st.text("ab \n"), st.text("xy", min_size=1), st.integers(1, 8))
def test_guided_prefix_is_the_steps_before_and_the_content(attempt: str, content: str, location: int) -> None:
    prefix = guided_prefix(attempt, Intervention(content, location))
    kept = split_steps(attempt)[: location - 1]
    assert prefix == "\n\n".join([*kept, content])
    assert attempt.startswith("\n\n".join(kept))


def test_guided_prefix_example() -> None:
    assert guided_prefix("a\n\nb\n\nc", Intervention("B", 2)) == "a\n\nB"
    assert guided_prefix("a\n\nb", Intervention("A", 1)) == "A"
