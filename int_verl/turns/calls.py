"""An environment made and asked, in a worker process of `EnvironmentPool`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from int_verl.grading.function_calls import load_function, path_and_name


def call(do: str, environment: str, options: Mapping[str, Any], **arguments: Any) -> Any:
    """What `Environment.open`, `reply` or `score` returns; nothing where it is only to be made.

    Args:
        do: ``make``, ``open``, ``reply`` or ``score``.
        environment: ``FILE.py:NAME`` or ``pkg://MODULE:NAME``, called with the options.
        arguments: of the function.
    """
    made = _made(environment, json.dumps(options, sort_keys=True))
    return None if do == "make" else getattr(made, do)(**arguments)


@lru_cache(maxsize=1)
def _made(environment: str, options: str) -> Any:
    return load_function(*path_and_name("environment", environment))(**json.loads(options))
