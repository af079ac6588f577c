"""What a number in the settings may be; checked where a section is read (`int_verl.settings.compose.section`)."""

from __future__ import annotations

import math
from typing import Annotated

from annotated_types import Ge, Gt, Le, Lt, MinLen

Count = Annotated[int, Ge(0)]
PositiveInt = Annotated[int, Gt(0)]
Share = Annotated[float, Ge(0), Le(1)]
PositiveShare = Annotated[float, Gt(0), Le(1)]
PositiveFloat = Annotated[float, Gt(0), Lt(math.inf)]
GroupSize = Annotated[int, Ge(2)]
"Of GRPO: alone, a rollout has no advantage."
Name = Annotated[str, MinLen(1)]
TopK = Annotated[int, Ge(-1)]
"-1: all tokens."
NotNegative = Annotated[float, Ge(0), Lt(math.inf)]
