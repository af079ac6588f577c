"""An intervention put into its attempt."""

from __future__ import annotations

from int_verl.interventions.intervention import Intervention
from int_verl.steps import split_steps


def guided_prefix(attempt: str, intervention: Intervention) -> str:
    r"""The attempt's steps before the location, then the intervention, joined by one blank line.

    Example:
        guided_prefix("a\n\nb\n\nc", Intervention("B", 2)) == "a\n\nB"
    """
    return "\n\n".join([*split_steps(attempt)[: intervention.location - 1], intervention.content])
