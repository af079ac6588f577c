"""A run's folder that somebody else may have made or damaged: what it may lead a run to do, and what is said of it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from int_verl.commands.push import release_files
from int_verl.errors import UserError
from int_verl.files import link_folder
from int_verl.report import write_report
from int_verl.run.folder import Manifest, RunFolder
from int_verl.settings.compose import compose
from tests.quickstart_files import QUICKSTART, SCRIPT, write_problem_sets
from tests.test_cli import call

NOT_TEXT = b"\xff\xfe\x00{["


@pytest.fixture
def settings(tmp_path: Path) -> list[str]:
    write_problem_sets(tmp_path, train=4, heldout=2)
    return [
        *("--config", str(QUICKSTART / "quickstart.yaml"), f"run.dir={tmp_path / 'run'}", "platform=cpu"),
        *(f"problems.train={tmp_path / 'train.jsonl'}", f"problems.heldout={tmp_path / 'heldout.jsonl'}"),
        *("engine.name=scripted", f"engine.script={SCRIPT}:script", "guide.rollouts=2"),
    ]


@pytest.mark.parametrize(
    "place",
    [
        *(".lock", "config.yaml", "config.yaml.partial", "journal.sqlite", "journal.sqlite-wal", "rows.spool", "guide"),
        *("sample/attempts.parquet.partial", "sft/checkpoints/trainer.log", "report.html.partial"),
    ],
)
@pytest.mark.parametrize("plant", [Path.symlink_to, lambda place, _: os.mkfifo(place)], ids=["link", "pipe"])
def test_what_is_planted_in_a_folder_is_refused(
    capsys: pytest.CaptureFixture[str],
    settings: list[str],
    tmp_path: Path,
    place: str,
    plant: Callable[[Path, Path], None],
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    run, planted = tmp_path / "run", tmp_path / "run" / place
    if place != "config.yaml":
        RunFolder(run).remember(compose(Path(settings[1]), settings[2:]), ())
    planted.parent.mkdir(parents=True, exist_ok=True)
    plant(planted, victim)
    for command in ("guide", "report"):
        code, _, err = call(capsys, command, *settings)
        assert code == 2
        # A report does not ask for more of settings that are no file.
        assert str(run if (command, place) == ("report", "config.yaml") else planted) in err
        assert len(err.strip().splitlines()) == 1
    assert victim.read_text() == "precious"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["heldout.jsonl", "run", "train.jsonl", "victim"]


def test_a_lock_is_no_file_to_write(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/other").write_text("precious")
    (tmp_path / "run/.lock").symlink_to("other")  # within the folder
    with pytest.raises(UserError, match=r"run\.dir="), RunFolder(tmp_path / "run").lock():
        pass
    (tmp_path / "run/.lock").unlink()
    (tmp_path / "run/.lock").write_text("kept")
    with RunFolder(tmp_path / "run").lock():
        assert (tmp_path / "run/.lock").read_text() == "kept"
    assert (tmp_path / "run/other").read_text() == "precious"


def test_a_link_is_not_uploaded(generated: Path, tmp_path: Path) -> None:
    link_folder(generated, tmp_path / "run")
    assert len(release_files(tmp_path / "run")) == 5
    (tmp_path / "secret").write_text("precious")
    (tmp_path / "run/guide/guided.parquet").unlink()
    (tmp_path / "run/guide/guided.parquet").symlink_to(tmp_path / "secret")
    with pytest.raises(UserError, match="a link that leads out"):
        release_files(tmp_path / "run")


def test_a_link_is_not_merged(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A merge opens the shards' journals."""
    (tmp_path / "shard").mkdir()
    (tmp_path / "shard/config.yaml").write_text("run: {shard: 0/1}\n")
    (tmp_path / "victim").write_bytes(b"")  # SQLite would take an empty file for a new database
    (tmp_path / "shard/journal.sqlite").symlink_to(tmp_path / "victim")
    code, _, err = call(capsys, "merge", str(tmp_path / "shard"), "--into", str(tmp_path / "run"))
    assert code == 2
    assert "shard/journal.sqlite: a link that leads out" in err
    assert (tmp_path / "victim").read_bytes() == b""


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('| `grader.reward_kwargs.judge_key` | `"sk-1"` |', r"shows grader\.reward_kwargs\.judge_key"),
        ('| `rl.overrides` | `["+a.KEY=b"]` |', r"shows rl\.overrides"),
        ("see https://me:password@host/", r"line \d+ holds"),
        ("my key is made-up-by-the-test", r"line \d+ holds the value of a key's variable"),
    ],
)
def test_a_card_that_shows_more_is_not_uploaded(
    generated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, message: str
) -> None:
    """Earlier versions wrote such cards, and people edit theirs."""
    run = shutil.copytree(generated, tmp_path / "run")
    card = run / "guide/README.md"
    card.write_text(card.read_text().replace("# license: ...", "license: mit") + "\nMine: https://example.org/a\n")
    assert release_files(run)[0] == card
    monkeypatch.setenv("SOME_API_KEY", "made-up-by-the-test")
    card.write_text(f"{card.read_text()}\n{line}\n")
    with pytest.raises(UserError, match=message):
        release_files(run)


@pytest.mark.parametrize(
    "text",
    [
        *(NOT_TEXT, b"", b"{}", b"[" * 100_000, b'{"stage": "sample", "status": "done", "seconds": "long"}'),
        *(b'{"stage": "sample", "status": "odd"}', b'{"stage": "sample", "status": "done", "more": 1}'),
        b'{"stage": "sample", "status": "done", "table_bytes": {"a": "b"}}',
    ],
)
def test_a_manifest_that_is_none(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "sample").mkdir()
    (tmp_path / "sample/manifest.json").write_bytes(text)
    assert RunFolder(tmp_path).manifest("sample") is None


def test_a_manifest_of_an_earlier_version_is_compared_by_what_is_written_today(tmp_path: Path) -> None:
    old = Manifest("guide", "done", settings={"grader.reward_kwargs.judge_key": "sk-old", "guide.rollouts": 4})
    RunFolder(tmp_path).write_manifest(old)
    found = RunFolder(tmp_path).manifest("guide")
    assert found is not None
    assert found.changes({}, {"grader.reward_kwargs.judge_key": "***", "guide.rollouts": 4}) == []
    assert "sk-old" not in str(found.changes({}, {}))


def test_files_of_a_run_that_are_no_text(
    capsys: pytest.CaptureFixture[str], settings: list[str], tmp_path: Path
) -> None:
    """Whichever file it is, the run goes on without it or says in one line which one it is; and so does the report."""
    run = tmp_path / "run"
    assert call(capsys, "guide", *settings)[0] == 0
    (run / "sft").mkdir()
    (run / "sft/model.txt").write_text("x")
    for file in sorted(path for path in run.rglob("*") if path.suffix in (".json", ".yaml", ".txt", ".md", ".sqlite")):
        kept = file.read_bytes()
        file.write_bytes(NOT_TEXT)
        code, _, err = call(capsys, "rl", "--dry-run", *settings)
        assert code == 0 or (code == 2 and len(err.strip().splitlines()) == 1), (file, err)
        assert write_report(run).stat().st_size > 5_000
        file.write_bytes(kept)


@pytest.mark.parametrize("name", ["a" * 300, "x/" + "a" * 300, "a" * 5000])
@pytest.mark.parametrize(
    "setting", ["run.dir", "model.path", "problems.train", "prompts.solve", "engine.script", "grader.reward_path"]
)
def test_paths_that_are_too_long_are_one_line(
    capsys: pytest.CaptureFixture[str], settings: list[str], setting: str, name: str
) -> None:
    end = {"prompts.solve": ".jinja", "engine.script": ".py:script", "grader.reward_path": ".py"}.get(setting, "")
    code, _, err = call(capsys, "sample", *settings, f"{setting}={name}{end}")
    assert code == 2
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("device", ["/dev/null", "/dev/zero", "/dev/stdin"])
@pytest.mark.parametrize(
    "setting", ["run.dir", "model.path", "problems.train", "prompts.solve", "engine.script", "grader.reward_path"]
)
def test_devices_are_one_line(
    capsys: pytest.CaptureFixture[str], settings: list[str], setting: str, device: str
) -> None:
    end = ":script" if setting == "engine.script" else ""
    code, _, err = call(capsys, "sample", *settings, f"{setting}={device}{end}")
    assert code == 2
    assert len(err.strip().splitlines()) == 1


def test_a_report_needs_no_variable_of_the_environment(
    capsys: pytest.CaptureFixture[str], settings: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_TOKEN", "a-token-of-the-judge")
    assert call(capsys, "sample", *settings, "grader.reward_kwargs.x=${oc.env:JUDGE_TOKEN}")[0] == 0
    monkeypatch.delenv("JUDGE_TOKEN")
    code, out, _ = call(capsys, "report", f"run.dir={tmp_path / 'run'}")
    assert code == 0
    assert "report.html" in out
    assert json.loads((tmp_path / "run/report/manifest.json").read_text())["status"] == "done"
