"""What installs packages into this Python's environment: pip, or uv where the environment has no pip."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.metadata import distributions


def installer() -> list[str]:
    """The command to which packages are appended.

    An environment that uv made has no pip; `uv run` names its uv in `UV`. With neither it is pip's command, which then
    says that it is missing.

    Example: ``["/home/me/.venv/bin/python", "-m", "pip", "install"]``
    """
    uv = os.environ.get("UV") or shutil.which("uv")
    # Not find_spec("pip"): setuptools' hook takes that for pip at work and leaves distutils to Python from then on,
    # so that importing setuptools, which vLLM does, fails (_distutils_hack/__init__.py, `spec_for_pip`).
    if uv and not any(distributions(name="pip")):
        return [uv, "pip", "install", "--python", sys.executable]
    return [sys.executable, "-m", "pip", "install"]
