"""What SFT trains on; the section `sft_data` of the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from int_verl.settings.sampling import Sampling

SFTDataKind = Literal["interventions", "reference", "self_reflection"]


@dataclass(frozen=True, slots=True)
class SFTDataSettings:
    kind: SFTDataKind
    "What stands after the prompt: prefix and intervention, the reference solution, or the model's rewritten attempt."
    location_shift: int
    "Ablation: cut the attempt so many steps later (earlier, if negative) than at the intervention's location."
    sampling: Sampling
    "Of the rewritten attempts."

    @property
    def is_made(self) -> bool:
        """Whether SFT trains on something else than `guide/sft.parquet`."""
        return self.kind != "interventions" or self.location_shift != 0
