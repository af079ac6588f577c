"""Shards generate side by side, and merged they are the run of all problems, byte for byte."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from int_verl.cli import main
from int_verl.errors import UserError
from int_verl.records import ATTEMPT, read_rows, write_rows
from int_verl.run.shards import Shard
from int_verl.settings.compose import compose
from tests.quickstart_files import QUICKSTART, SCRIPT, write_problem_sets

PROBLEMS = 17

Call = Callable[..., tuple[int, str, str]]


@given(total=st.integers(0, 50), count=st.integers(1, 9))
def test_shards_share_the_problems_out(total: int, count: int) -> None:
    shards = [Shard(index, count) for index in range(count)]
    shares = [list(shard.share(range(total))) for shard in shards]
    assert sorted(position for share in shares for position in share) == list(range(total))
    assert [len(share) for share in shares] == [shard.size(total) for shard in shards]
    assert all(shard.has(position) for shard, share in zip(shards, shares, strict=True) for position in share)


@pytest.mark.parametrize("text", ["4/4", "1", "-1/4", "0/0", "a/b", "1/2/3"])
def test_a_shard_is_i_of_n(text: str) -> None:
    assert Shard.parse("0/1") == Shard(0, 1)
    with pytest.raises(UserError, match=r"run\.shard=.*expected i/n"):
        Shard.parse(text)


def test_a_shard_has_a_folder_of_its_own() -> None:
    needed = ["model.path=m", "problems.train=t", "problems.heldout=h", "run.name=x"]
    assert compose(None, needed).run.dir == "runs/x"
    assert compose(None, [*needed, "run.shard=3/16"]).run.dir == "runs/x-shard-3-of-16"
    assert compose(None, [*needed, "run.shard=3/16", "run.dir=d"]).run.dir == "d"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shards")
    write_problem_sets(folder, train=PROBLEMS, heldout=3)
    return folder


@pytest.fixture(scope="module")
def settings(folder: Path) -> list[str]:
    return [
        *("--config", str(QUICKSTART / "quickstart.yaml")),
        f"problems.train={folder / 'train.jsonl'}",
        f"problems.heldout={folder / 'heldout.jsonl'}",
        "platform=cpu",
        "engine.name=scripted",
        f"engine.script={SCRIPT}:script",
    ]


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as done:
        main(list(arguments))
    return int(done.value.code or 0)


@pytest.fixture(scope="module")
def runs(folder: Path, settings: list[str]) -> Path:
    """A folder with the run of all problems, `all`, and those of shards: `0-of-1`, `0-of-3` and so on."""
    assert call("guide", *settings, f"run.dir={folder / 'all'}") == 0
    for shard in ("0/1", "0/3", "1/3", "2/3"):
        where = folder / shard.replace("/", "-of-")
        assert call("guide", *settings, f"run.dir={where}", f"run.shard={shard}") == 0
    return folder


@pytest.fixture
def merged(tmp_path: Path, runs: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., tuple[int, str]]]:
    """`merged(folders...)`: the exit code of a merge into `tmp_path / "merged"`, and what it said."""

    def merge(*folders: str | Path) -> tuple[int, str]:
        code = call("merge", *(str(runs / name) for name in folders), "--into", str(tmp_path / "merged"))
        return code, capsys.readouterr().err.strip()

    return merge  # type: ignore[return-value]


def tables(run: Path) -> dict[str, bytes]:
    return {str(file.relative_to(run)): file.read_bytes() for file in sorted(run.glob("*/*.parquet"))}


def counts(run: Path, stage: str) -> dict[str, object]:
    found = dict(json.loads((run / stage / "manifest.json").read_text())["counts"])
    found.pop("requests", None)
    return found


@pytest.mark.parametrize("folders", [["0-of-1"], ["0-of-3", "1-of-3", "2-of-3"], ["2-of-3", "0-of-3", "1-of-3"]])
def test_merged_shards_are_the_run_of_all_problems(merged, runs, tmp_path, folders) -> None:  # type: ignore[no-untyped-def]
    assert merged(*folders) == (0, "")
    assert tables(tmp_path / "merged") == tables(runs / "all")
    for stage in ("sample", "propose", "guide"):
        assert counts(tmp_path / "merged", stage) == counts(runs / "all", stage)


def test_a_merged_run_goes_on_with_sft(merged, runs, tmp_path, settings, capsys) -> None:  # type: ignore[no-untyped-def]
    assert merged("0-of-3", "1-of-3", "2-of-3")[0] == 0
    assert call("run", "--dry-run", *settings, f"run.dir={tmp_path / 'merged'}") == 0
    out = capsys.readouterr().out
    assert all(f"✓ {stage}: " in out for stage in ("sample", "propose", "guide"))
    assert "▸ sft: " in out
    # The shards' completions came along: a changed setting draws only what is new.
    assert call("guide", *settings, f"run.dir={tmp_path / 'merged'}", "guide.rollouts=9") == 0
    requests = json.loads((tmp_path / "merged/guide/manifest.json").read_text())["counts"]["requests"]
    assert requests["replayed"] > 8 * requests["drawn"] > 0
    assert call("merge", str(runs / "0-of-1"), "--into", str(tmp_path / "merged")) == 2
    assert "already has a sample stage" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (["0-of-3", "2-of-3"], "run.shard=1/3 missing: no folder has these problems"),
        (["0-of-3", "1-of-3", "2-of-3", "1-of-3"], "overlap: both have row 2 of the problem set"),
        (["0-of-1", "1-of-3"], "overlap: both have row 2 of the problem set"),
        (["all"], "a run of all problems, not a shard"),
        (["."], "no run folder"),
    ],
)
def test_gaps_and_overlaps_are_refused(merged, tmp_path, folders, message) -> None:  # type: ignore[no-untyped-def]
    code, said = merged(*folders)
    assert code == 2
    assert message in said
    assert len(said.splitlines()) == 1
    assert not (tmp_path / "merged").exists()


def test_an_unfinished_shard_is_refused(merged, runs, tmp_path) -> None:  # type: ignore[no-untyped-def]
    copy = tmp_path / "copy"
    shutil.copytree(runs / "1-of-3", copy)
    manifest = json.loads((copy / "guide/manifest.json").read_text())
    (copy / "guide/manifest.json").write_text(json.dumps(manifest | {"status": "running"}))
    code, said = merged("0-of-3", copy, "2-of-3")
    assert (code, len(said.splitlines())) == (2, 1)
    assert "copy: guide is not finished (was interrupted, goes on); run this shard to its end" in said
    shutil.rmtree(copy / "guide")
    assert "copy: guide has not run; finish this shard first" in merged("0-of-3", copy, "2-of-3")[1]


def test_shards_of_other_settings_are_refused(merged, tmp_path, settings) -> None:  # type: ignore[no-untyped-def]
    assert call("guide", *settings, f"run.dir={tmp_path / 'other'}", "run.shard=1/3", "guide.rollouts=2") == 0
    code, said = merged("0-of-3", tmp_path / "other", "2-of-3")
    assert code == 2
    assert "do not belong together: guide: guide.rollouts 8 -> 2" in said


@pytest.mark.parametrize(("kept", "message"), [(slice(4, None), "are missing"), (slice(None, -4), "are missing")])
def test_a_shard_without_the_rows_of_a_problem_is_refused(merged, runs, tmp_path, kept, message) -> None:  # type: ignore[no-untyped-def]
    copy = tmp_path / "copy"
    shutil.copytree(runs / "1-of-3", copy)
    rows = list(read_rows(copy / "sample/attempts.parquet"))
    write_rows(copy / "sample/attempts.parquet", ATTEMPT, rows[kept])
    (lost,) = {row["problem_id"] for row in rows} - {row["problem_id"] for row in rows[kept]}
    refresh_hash(copy)
    code, said = merged("0-of-3", copy, "2-of-3")
    assert code == 2
    assert f"the rows of problem {lost}" in said
    assert message in said


def test_rows_of_another_shard_are_refused(merged, runs, tmp_path) -> None:  # type: ignore[no-untyped-def]
    copy = tmp_path / "copy"
    shutil.copytree(runs / "1-of-3", copy)
    rows = [*read_rows(copy / "sample/attempts.parquet"), *read_rows(runs / "0-of-3/sample/attempts.parquet")]
    write_rows(copy / "sample/attempts.parquet", ATTEMPT, rows)
    refresh_hash(copy)
    code, said = merged("0-of-3", copy, "2-of-3")
    assert code == 2
    assert "sample/attempts.parquet: problem train-0000 is not this shard's, or out of order" in said


def refresh_hash(run: Path) -> None:
    """As if the shard itself had written its attempts so."""
    from int_verl.files import file_hash

    manifest = json.loads((run / "propose/manifest.json").read_text())
    manifest["inputs"]["attempts"] = file_hash(run / "sample/attempts.parquet")
    (run / "propose/manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("stage", ["sft", "rl", "eval"])
def test_a_shard_trains_nothing(settings, tmp_path, capsys, stage) -> None:  # type: ignore[no-untyped-def]
    assert call(stage, *settings, f"run.dir={tmp_path / 'run'}", "run.shard=0/2") == 2
    assert f"run.shard=0/2: {stage} needs all problems; `int-verl merge" in capsys.readouterr().err


def test_a_shards_run_ends_with_the_generator(settings, tmp_path, capsys) -> None:  # type: ignore[no-untyped-def]
    assert call("run", *settings, f"run.dir={tmp_path / 'run'}", "run.shard=0/9") == 0
    assert "shard 0/9 is done; `int-verl merge` joins all 9" in capsys.readouterr().out
    assert pq.read_metadata(tmp_path / "run/sample/attempts.parquet").num_rows == 4 * 2
    assert not (tmp_path / "run/sft").exists()
