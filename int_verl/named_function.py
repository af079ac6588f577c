"""A function of the user's own, by its file and its name."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from int_verl.errors import UserError


def load_function(setting: str, spec: str) -> Callable[..., Any]:
    """The function that ``file.py:name`` names; its file may import what lies beside it.

    Args:
        setting: what it is named by, for errors.

    Raises:
        UserError: no such file or function.
    """
    file, _, name = spec.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise UserError(f"{setting}={spec}: no such file; write path/to/file.py:function")
    module_spec = importlib.util.spec_from_file_location(f"named_by_{path.stem}", path)
    assert module_spec is not None
    assert module_spec.loader is not None
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[module_spec.name] = module  # its data classes look for it there
    sys.path.insert(0, str(path.parent.resolve()))
    try:
        module_spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(path.parent.resolve()))
    function = getattr(module, name, None)
    if not callable(function):
        raise UserError(f"{setting}={spec}: {path} has no function {name!r}")
    found: Callable[..., Any] = function
    return found
