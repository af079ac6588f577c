"""What all tests share: import paths, the tiny model, hypothesis' profile."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# A busy machine is no failure, and CI sees the same examples every time.
settings.register_profile("int_verl", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("int_verl")

TESTS = Path(__file__).parent
RECIPES = TESTS.parent / "recipes"
for folder in (str(TESTS.parent), str(RECIPES / "quickstart"), str(RECIPES / "gpu_check"), str(TESTS)):
    if folder not in sys.path:
        sys.path.insert(0, folder)

from quickstart_files import QUICKSTART  # noqa: E402 - from the path above


@pytest.fixture(scope="session")
def model_folder() -> Path:
    """The quickstart's tiny model."""
    return QUICKSTART / "model"


@pytest.fixture(scope="session")
def codec(model_folder: Path):  # type: ignore[no-untyped-def]
    from int_verl.generate.chat import ChatCodec

    return ChatCodec(model_folder)
