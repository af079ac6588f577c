"""A pytest plugin: writes down what latex2sympy2_extended's tests compare, in the place of comparing it.

``pytest -p record_sympy_pairs --record-pairs FILE`` in a checkout writes a JSON line a comparison: where it stands,
the LaTeX under test, and the LaTeX that sympy prints of the expected value. A value whose print latex2sympy itself
reads as something else (a name with a subscript inside, an unevaluated form) is left out: as text it is another thing.
`grading_suites.py` reads the lines.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

import pytest
import sympy
from latex2sympy2_extended import latex2sympy


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record-pairs", type=Path, required=True)


def reads_back(printed: str, value: object) -> bool:
    """Whether latex2sympy makes of a print the value that was printed."""
    try:
        read = latex2sympy(printed)
    except Exception:  # whatever its parser raises, the print is not one that it reads
        return False
    return bool(read == value or sympy.latex(read) == printed)


def pytest_configure(config: pytest.Config) -> None:
    context = importlib.import_module("tests.context")
    file: Path = config.getoption("--record-pairs")

    def record(latex: str, expr: object, *options: object, **named: object) -> None:
        printed = sympy.latex(expr)
        values_for_names = len(options) > 1 or named.get("variables")  # nothing that two texts can say
        if values_for_names or not reads_back(printed, expr):
            return
        caller = sys._getframe(1)
        where = f"{Path(caller.f_code.co_filename).name}:{caller.f_lineno}"
        with file.open("a", encoding="utf-8") as pairs:
            pairs.write(json.dumps({"where": where, "latex": latex, "expected": printed}) + "\n")

    vars(context)["assert_equal"] = record
