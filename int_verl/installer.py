"""What installs packages into this Python's environment: pip, or uv where the environment has no pip."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec


def installer() -> list[str]:
    """The command to which packages are appended.

    An environment that uv made has no pip; `uv run` names its uv in `UV`. With neither it is pip's command, which then
    says that it is missing.

    Example: ``["/home/me/.venv/bin/python", "-m", "pip", "install"]``
    """
    uv = os.environ.get("UV") or shutil.which("uv")
    if find_spec("pip") is None and uv:
        return [uv, "pip", "install", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install"]
