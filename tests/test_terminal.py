"""Text that is not ours is shown on a terminal, never obeyed, whichever command prints it."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from int_verl.cli import _guarded, main
from int_verl.errors import EngineError, TrainerError, UserError
from int_verl.report.__main__ import main as report
from int_verl.terminal import VisibleStream, guard_output, visible, visible_line
from tests.pseudo_terminal import HOSTILE, SHOWN, child_on_terminal, obeyed, on_terminal
from tests.quickstart_files import QUICKSTART, ROOT, SCRIPT, write_problem_sets

Terminal = Callable[..., tuple[int, str]]
NAME = HOSTILE.replace("/", "|")
"As the name of a file."


@given(st.text())
def test_nothing_that_a_terminal_obeys_is_left(text: str) -> None:
    shown = visible(text)
    assert not obeyed(shown.encode())
    assert shown == visible(shown)
    assert shown.count("\n") == text.count("\n")
    assert "\n" not in visible_line(text)


@pytest.mark.parametrize("text", ["", "x² ≤ é\n\t数学 नमस्ते 👍🏽 ✔️", "\\u202e", "e\u0301", "\ufffd\ue000"])
def test_what_is_only_text_stays(text: str) -> None:
    assert visible(text) == text


def test_what_is_shown() -> None:
    assert visible(HOSTILE) == SHOWN
    assert visible("a\r\n\0\x85") == "a␍\n␀\\x85"
    assert visible("\u2028\ufeff\U000e0041\u3164\ud800") == r"\u2028\ufeff\U000e0041\u3164\ud800"
    assert visible_line("a\n\tb") == "a␊␉b"


def test_a_stream_lets_progress_bars_pass_and_nothing_else() -> None:
    behind = io.StringIO()
    stream = VisibleStream(behind)
    for piece in ("\r 10 % |█|", "\n", "\x1b[A", "a\rb\x1b[A"):
        assert stream.write(piece) == len(piece)
    stream.writelines(["\x1b[2J"])
    assert behind.getvalue() == "\r 10 % |█|\n\x1b[Aa␍b␛[A␛[2J"


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Runs a command on a terminal, and returns its exit code and what it wrote, in which nothing is obeyed."""

    def run(*arguments: object, call: Callable[[], Any] | None = None) -> tuple[int, str]:
        code, written = on_terminal(call or (lambda: main(list(map(str, arguments)))), monkeypatch)
        assert not obeyed(written), written[-2000:]
        assert b"\x1b[31m" not in written
        return code, written.decode()

    return run


@pytest.fixture
def settings(tmp_path: Path) -> list[str]:
    """A run of problems that are hostile throughout, with a scripted engine."""
    write_problem_sets(tmp_path, train=6, heldout=3)
    rows = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    hostile = (row | {"id": f"{i}{HOSTILE}", "problem": row["problem"] + HOSTILE} for i, row in enumerate(rows))
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in hostile))
    return [
        *("--config", str(QUICKSTART / "quickstart.yaml")),
        f"run.dir={tmp_path / 'run'}",
        *(f"problems.{name}={tmp_path / name}.jsonl" for name in ("train", "heldout")),
        *("platform=cpu", "engine.name=scripted", f"engine.script={SCRIPT}:script", "engine.context_length=2048"),
        *("rl.prompts_per_step=4", "rl.mini_batch=4"),
    ]


def test_a_dry_run(terminal: Terminal, settings: list[str]) -> None:
    code, written = terminal("run", "--dry-run", *settings)
    assert code == 0
    assert written.count(SHOWN) >= 4  # the problem and its id, in two prompts


def test_a_run_and_its_report(terminal: Terminal, settings: list[str], tmp_path: Path) -> None:
    code, written = terminal("sample", *settings)
    assert code == 0, written
    assert "problems" in written
    renamed = (tmp_path / "run").rename(tmp_path / NAME)
    assert visible(NAME) in terminal(call=lambda: report([str(renamed)]))[1]
    code, written = terminal("problems", "hard", renamed, "--out", tmp_path / f"{NAME}.parquet", "--max-pass-rate", 1)
    assert code == 0
    assert visible(NAME) in written.replace("\r\n", "")


def problem_file(folder: Path, **columns: str) -> Path:
    """Two rows, of which the second says the same as the first, under a hostile name."""
    row = {"problem": "What is 3 + 4?", "answer": "7", "reference_solution": "It is 7."} | columns
    file = folder / f"{NAME}.jsonl"
    file.write_text((json.dumps(row) + "\n") * 2)
    return file


def test_problems_check_and_reward_audit(terminal: Terminal, tmp_path: Path) -> None:
    file = problem_file(tmp_path, answer=HOSTILE * 2000, id=HOSTILE)
    code, written = terminal("problems", "check", file)
    assert code == 2
    assert visible(NAME) in written
    assert written.count("CANARY") > 1
    code, written = terminal("reward", "audit", "--problems", file)
    assert code == 0
    assert "too large (length or nesting): ␛]0;CANARY␇␛[2J" in written


def test_columns_and_marks_of_a_file(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"problem": "3 + 4?", HOSTILE: f"so {HOSTILE} 7"}) + "\n")
    _, written = terminal("problems", "check", file, "--column", f"answer={HOSTILE}", "--answer-after", HOSTILE)
    assert SHOWN in written


def test_reward_check(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "def compute_score(data_source, solution_str, ground_truth, extra_info=None):\n"
        f"    raise OSError({HOSTILE!r})\n"
    )
    file = tmp_path / "rows.jsonl"
    file.write_text(json.dumps({"data_source": "x", "reward_model": {"ground_truth": "7"}}) + "\n")
    code, written = terminal("reward", "check", "--fn", f"{tmp_path / 'mine.py'}:compute_score", "--file", file)
    assert code == 1
    assert "FAIL" in written
    assert "CANARY" in written


@pytest.mark.parametrize(
    "arguments",
    [
        [HOSTILE],
        ["run", f"--{HOSTILE}"],
        ["run", HOSTILE],
        ["run", f"sample.{HOSTILE}=3"],
        ["run", f"sample.attempts={HOSTILE}"],
        ["run", "--config", HOSTILE],
        ["settings", HOSTILE],
        ["problems", "check", f"{HOSTILE}.jsonl"],
        ["problems", "check", HOSTILE],
        ["problems", "hard", HOSTILE],
        ["reward", "audit", "--problems", f"{HOSTILE}.csv"],
        ["reward", "check", "--fn", f"{HOSTILE}.py:f", "--file", "x.jsonl"],
        ["sft", "show", HOSTILE],
        ["merge", HOSTILE, "--into", HOSTILE],
        ["push", HOSTILE, "--repo", "a/b"],
    ],
    ids=lambda arguments: " ".join(argument.replace(HOSTILE, "HOSTILE") for argument in arguments),
)
def test_mistakes_that_are_quoted(terminal: Terminal, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code, written = terminal(*arguments)
    assert code == 2
    assert "CANARY" in written


@pytest.mark.parametrize("kind", [UserError, EngineError, TrainerError])
def test_an_error_that_quotes_a_server_a_row_or_a_log_is_one_line(kind: type[Exception], terminal: Terminal) -> None:
    def fail() -> None:
        guard_output()
        sys.exit(_guarded(lambda: _raise(kind(f"the server says {HOSTILE}\nint-verl: all is well"))))

    _, written = terminal(call=fail)
    assert written.count("\n") == 1
    assert f"int-verl: the server says {SHOWN}␊int-verl: all is well" in written


def _raise(error: Exception) -> None:
    raise error


CHILD = """
import logging, sys, warnings
from int_verl.cli import main
from int_verl.settings import describe
hostile = sys.argv.pop()

def speak(section):
    print(hostile)
    print(hostile, file=sys.stderr)
    logging.getLogger("somebody").warning(hostile)
    warnings.warn(hostile)
    raise RuntimeError(hostile)

describe.describe = speak
main(["settings"])
"""


def test_what_libraries_print_log_and_raise(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", CHILD, HOSTILE]
    code, written = child_on_terminal(argv, {**os.environ, "PYTHONPATH": str(ROOT)}, tmp_path)
    assert code == 1
    assert not obeyed(written)
    assert written.decode().count(SHOWN) >= 5
    assert b"Traceback" in written


NOT_UTF_8 = [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}]


@pytest.mark.parametrize("environment", NOT_UTF_8, ids=["ascii", "C"])
def test_a_terminal_that_is_not_utf_8(environment: dict[str, str], tmp_path: Path) -> None:
    file = problem_file(tmp_path, problem=f"数学 {HOSTILE}")
    variables = {name: value for name, value in os.environ.items() if name[:3] not in ("LC_", "LAN", "PYT")}
    argv = [sys.executable, "-m", "int_verl.cli", "problems", "check", str(file)]
    code, written = child_on_terminal(argv, {**variables, **environment, "PYTHONPATH": str(ROOT)}, tmp_path)
    assert code == 2, written
    assert written.isascii()
    assert b"Traceback" not in written
    assert rb"\u241b]0;CANARY" in written
