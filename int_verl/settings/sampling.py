"""How tokens are drawn: the section `sampling`, and that of every stage."""

from __future__ import annotations

from dataclasses import dataclass

from int_verl.settings.ranges import NotNegative, PositiveInt, PositiveShare, TopK


@dataclass(frozen=True, slots=True)
class Sampling:
    """How one completion is drawn.

    Example: ``Sampling(max_tokens=16_384, temperature=0.7, top_p=0.8, top_k=20)``, the paper's setting.
    """

    max_tokens: PositiveInt
    "New tokens at most, the end token included."
    temperature: NotNegative = 1.0
    top_p: PositiveShare = 1.0
    top_k: TopK = -1
    "-1: all tokens."


SHARED_SAMPLING = Sampling(max_tokens=16_384, temperature=0.7, top_p=0.8, top_k=20)
"The section `sampling`; a stage whose default this is follows what the user says there."
