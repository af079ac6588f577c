"""The section `engine`."""

from __future__ import annotations

from typing import Literal

Ordering = Literal["depth_first", "arrival"]
