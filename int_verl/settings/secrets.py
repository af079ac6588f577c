"""Settings whose values are shown to nobody."""

from __future__ import annotations

import re
from typing import Any

_SECRET = re.compile(
    r"(api_?key|secret|password|passwd|credential|authorization|(access|auth|bearer|hub|hf)_token)", re.IGNORECASE
)


def without_secret(key: str, value: Any) -> Any:
    """The value of a setting, by its dotted key, as it may be shown."""
    return "(not shown)" if value not in (None, "") and _SECRET.search(key) else value
