# ruff: noqa: E501
"""`int-verl reward check` and `int-verl reward audit`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from int_verl.commands.reward import reward
from int_verl.errors import UserError

GOOD = "def f(data_source, solution_str, ground_truth, extra_info=None):\n    return {'score': float('42' in solution_str)}\n"
BROKEN = {
    "signature": "def f(data_source, solution_str, ground_truth): return 1.0\n",
    "never raises": "def f(data_source, solution_str, ground_truth, extra_info=None): return float(solution_str.split()[3] == 'a')\n",
    "returns a dict with score": "def f(data_source, solution_str, ground_truth, extra_info=None): return {'reward': 1.0}\n",
    "the same keys": "def f(data_source, solution_str, ground_truth, extra_info=None):\n"
    "    return {'score': float('42' in solution_str), **({'a': 1} if 'box' in solution_str else {})}\n",
    "no None": "def f(data_source, solution_str, ground_truth, extra_info=None):\n"
    "    return {'score': float('42' in solution_str), 'pred': None}\n",
    "does not change": "def f(data_source, solution_str, ground_truth, extra_info=None):\n"
    "    extra_info and extra_info.update(a=1)\n    return float('42' in solution_str)\n",
    "the same result again": "import itertools\ncount = itertools.count()\n"
    "def f(data_source, solution_str, ground_truth, extra_info=None): return float(next(count))\n",
    "every call under": "import time\ndef f(data_source, solution_str, ground_truth, extra_info=None):\n"
    "    time.sleep(0.3 if 'emoji' == 'emoji' and '🎉' in solution_str else 0)\n    return float('42' in solution_str)\n",
    "threads": "import signal\ndef f(data_source, solution_str, ground_truth, extra_info=None):\n"
    "    signal.alarm(0)\n    signal.signal(signal.SIGALRM, signal.SIG_DFL)\n    return float('42' in solution_str)\n",
    "tells some": "def f(data_source, solution_str, ground_truth, extra_info=None): return 1.0\n",
}


@pytest.fixture
def rows_file(tmp_path: Path) -> Path:
    file = tmp_path / "rows.jsonl"
    row = {"data_source": "d", "reward_model": {"ground_truth": "42"}, "extra_info": {"index": 0}}
    file.write_text(json.dumps(row) + "\n")
    return file


def check(tmp_path: Path, source: str, rows_file: Path) -> Result:
    (tmp_path / "fn.py").write_text(source)
    arguments = ["check", "--fn", f"{tmp_path / 'fn.py'}:f", "--file", str(rows_file), "--seconds", "0.25"]
    return CliRunner().invoke(reward, arguments)


def test_good_function(tmp_path: Path, rows_file: Path) -> None:
    result = check(tmp_path, GOOD, rows_file)
    assert result.exit_code == 0, result.output
    assert "checks passed" in result.output


@pytest.mark.parametrize("what", BROKEN)
def test_broken_function(tmp_path: Path, rows_file: Path, what: str) -> None:
    result = check(tmp_path, BROKEN[what], rows_file)
    assert result.exit_code == 1, result.output
    failed = [line for line in result.output.splitlines() if line.startswith("FAIL")]
    assert any(what in line for line in failed), result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "--fn", "nowhere.py:f", "--file", "{rows}"], "no such file"),
        (["check", "--fn", "nothing", "--file", "{rows}"], "FILE.py:NAME"),
        (["check", "--fn", "pkg://int_verl.reward_fns.math_answer:nope", "--file", "{rows}"], "no function"),
        (["check", "--fn", "pkg://int_verl.reward_fns.math_answer:compute_score", "--file", "nowhere"], "no such file"),
        (["check", "--fn", "pkg://int_verl.reward_fns.math_answer:compute_score", "--file", "{rows}", "--kwargs", "["], "--kwargs"),
        (["audit", "--problems", "nowhere.jsonl"], "no such file"),
        (["audit", "--problems", "{rows}", "--answer-column", "gold"], "--answer-column"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(rows_file: Path, arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(reward, [argument.format(rows=rows_file) for argument in arguments])
    assert isinstance(result.exception, UserError)
    assert message in str(result.exception)
    assert "\n" not in str(result.exception)


def test_audit(tmp_path: Path) -> None:
    golds = [
        "42",
        r"\frac12",
        "",
        r"\frac{5}{2^{15",
        "work\n#### 18",
        "The second row of the matrix was multiplied by two.",
    ]
    file = tmp_path / "problems.jsonl"
    file.write_text("".join(json.dumps({"problem": "p", "answer": gold}) + "\n" for gold in golds))
    output = tmp_path / "unusable.jsonl"
    result = CliRunner().invoke(reward, ["audit", "--problems", str(file), "--output", str(output)])
    assert result.exit_code == 0, result.output
    assert "3 of 6 gold answers can be used; 3 cannot" in result.output
    assert [json.loads(line)["row"] for line in output.read_text().splitlines()] == [3, 4, 6]
    assert CliRunner().invoke(reward, ["audit", "--problems", str(file), "--strict"]).exit_code == 1


def test_audit_lists_what_math_verify_reads_otherwise(tmp_path: Path) -> None:
    golds = ["42", r"\\frac{1}{2}", "2-2m", r"\{1, 2\}"]  # math-verify takes the m for meters
    file = tmp_path / "problems.jsonl"
    file.write_text("".join(json.dumps({"problem": "p", "answer": gold}) + "\n" for gold in golds))
    result = CliRunner().invoke(reward, ["audit", "--problems", str(file), "--strict"])
    assert result.exit_code == 0, result.output
    assert "4 of 4 gold answers can be used" in result.output
    assert "row 3: read as " in result.output
    assert "1 of those that can be used are read otherwise by math-verify" in result.output


def test_light_import() -> None:
    code = (
        "import sys, int_verl.commands.reward\n"
        "heavy = {'math_verify', 'sympy', 'mpmath', 'numpy', 'pyarrow', 'torch', 'verl'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
