"""What people import, type or load as a plugin must not drag the heavy packages in."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "verl", "vllm", "transformers", "math_verify", "sympy", "ray", "datasets", "pandas")


@pytest.mark.parametrize(
    "statement",
    [
        "import int_verl",
        "import int_verl.plugin",
        "import int_verl.cli",
        "import int_verl.grading, int_verl.steps, int_verl.interventions, int_verl.records, int_verl.evaluate",
        "import int_verl.generate.dataflow, int_verl.generate.journal, int_verl.stages.generate",
        "import int_verl.commands.problems, int_verl.problems.check, int_verl.problems.hard, int_verl.commands.push",
        "import int_verl.stages.data_card, int_verl.stages.preview",
        "import reward_fns.math_answer",
        "from int_verl.cli import main; main(['--help'])",
        "from int_verl.cli import main; main(['run', '--help'])",
    ],
)
def test_nothing_heavy_is_imported(statement: str) -> None:
    code = f"""
import sys
try:
    {statement}
except SystemExit:
    pass
print("heavy:", *[name for name in {HEAVY!r} if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "heavy:"
