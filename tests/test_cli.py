"""The command line: plans, mistakes in one line with exit code 2, and stages that are passed over."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from domain import problem_rows
from huggingface_hub.errors import LocalEntryNotFoundError
from rich.console import Console

from int_verl.cli import main
from int_verl.errors import UserError
from int_verl.run.folder import Manifest, RunFolder
from int_verl.run.run import Run
from int_verl.run.schedule import recorded_settings
from int_verl.settings.compose import compose
from int_verl.stages.assemble import Stages
from int_verl.stages.sft import sft_model
from tests.quickstart_files import QUICKSTART, SCRIPT, write_problem_sets

CONFIG = ["--config", str(QUICKSTART / "quickstart.yaml")]


@pytest.fixture
def settings(tmp_path: Path) -> list[str]:
    write_problem_sets(tmp_path, train=12, heldout=3)
    return [
        *CONFIG,
        f"run.dir={tmp_path / 'run'}",
        f"problems.train={tmp_path / 'train.jsonl'}",
        f"problems.heldout={tmp_path / 'heldout.jsonl'}",
        "platform=cpu",
        "engine.name=scripted",
        f"engine.script={SCRIPT}:script",
        "rl.prompts_per_step=4",
        "rl.mini_batch=4",
    ]


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as done:
        main(list(arguments))
    captured = capsys.readouterr()
    return int(done.value.code or 0), captured.out, captured.err


def test_a_dry_run_prints_every_stage_and_touches_nothing(
    capsys: pytest.CaptureFixture[str], settings: list[str], tmp_path: Path
) -> None:
    code, out, _ = call(capsys, "run", "--dry-run", *settings)
    assert code == 0
    for stage in ("sample", "propose", "guide", "sft", "ending", "rl", "rl_baseline", "eval", "report"):
        assert f"▸ {stage}: " in out
    assert "12 problems x 4 attempts" in out
    assert "-m verl.trainer.sft_trainer --config-name int_sft +int=cpu_sft" in out
    assert out.count("-m verl.trainer.main_ppo --config-name int_grpo +int=cpu_grpo") == 2
    assert not (tmp_path / "run").exists()


def test_a_dry_run_names_a_model_of_the_hub_and_downloads_nothing(
    capsys: pytest.CaptureFixture[str], settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(name: str, *, local_files_only: bool = False) -> str:
        assert local_files_only
        raise LocalEntryNotFoundError(name)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    code, out, _ = call(capsys, "run", "--dry-run", *settings, "model.path=nobody/nothing")
    assert code == 0
    assert " model.path=nobody/nothing " in out


@pytest.mark.parametrize("setting", ["rl.prefix=intervention", "rl.problems=with_intervention"])
def test_rl_from_the_base_runs_the_generator_where_it_needs_interventions(
    capsys: pytest.CaptureFixture[str], settings: list[str], setting: str
) -> None:
    code, out, _ = call(capsys, "rl_baseline", "--dry-run", *settings, setting)
    assert code == 0
    assert [line.split(":")[0] for line in out.splitlines() if line.startswith("▸")] == [
        f"▸ {stage}" for stage in ("sample", "propose", "guide", "rl_baseline")
    ]
    _, out, _ = call(capsys, "rl_baseline", "--dry-run", *settings)
    assert "▸ guide" not in out


def test_stages_run_and_are_passed_over(capsys: pytest.CaptureFixture[str], settings: list[str]) -> None:
    code, out, _ = call(capsys, "propose", *settings)
    assert code == 0
    assert "proposals" in out
    code, out, _ = call(capsys, "guide", *settings)
    assert code == 0
    assert out.count("unchanged") == 2
    assert "interventions kept" in out
    code, out, _ = call(capsys, "guide", "--force", *settings)
    assert code == 0
    assert "guide: continue" in out
    assert "(forced)" in out


def test_a_report_is_of_a_run_that_exists(
    capsys: pytest.CaptureFixture[str], settings: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    for said in ([str(folder)], [f"run.dir={folder}"], settings, ["run.name=never-begun"]):
        code, _, err = call(capsys, "report", *said)
        assert (code, "no run folder; give the folder of a run" in err) == (2, True)
    assert not folder.exists()
    RunFolder(folder).remember(compose(QUICKSTART / "quickstart.yaml", settings[2:]), ())
    for said in ([str(folder)], [f"run.dir={folder}"], settings):
        assert call(capsys, "report", "--force", *said)[0] == 0
        (folder / "report.html").unlink()


def test_help_has_the_stages_in_the_order_of_work_and_whole_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    code, said, _ = call(capsys, "--help")
    order = [
        said.index(f"\n  {name} ") for name in ("run", "sample", "propose", "guide", "sft", "rl", "eval", "report")
    ]
    assert (code, order) == (0, sorted(order))
    assert "..." not in said.partition("Schedule")[2]
    assert "..." not in call(capsys, "problems", "--help")[1].partition("Commands:")[2]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("problems.train=nowhere.jsonl", "nowhere.jsonl: no such file"),
        ("model.path=/nowhere", "model.path=/nowhere: no such folder"),
        ("prompts.verify=nowhere.jinja", "nowhere.jinja"),
        ("sample.attempts=none", "sample.attempts='none'"),
        ("engine.script=nowhere.py:f", "engine.script=nowhere.py:f: no such file"),
        ("sample.sampling.max_tokens=500", "fit beside sample.sampling.max_tokens"),
        ("run.dir=/proc/none", "run.dir=/proc/none"),
        ("guide.rolouts=3", "guide.rolouts: no such key; is it guide.rollouts?"),
        ("guide=5", "guide=5: a section, not a value"),
        ("guide.controls=prefix", "guide.controls='prefix': write a list"),
        ("run.seed=abc", "run.seed='abc'"),
        ("run.seed=1.5", "run.seed=1.5"),
        ("run.name=", "run.name=''"),
        ("run.shard=1", "run.shard=1: expected i/n"),
        ("problems.train_limit=0", "problems.train_limit=0"),
        ("problems.columns.anwser=x", "problems.columns.anwser"),
        ("baseline.rl=3", "baseline.rl=3"),
        ("sampling.top_p=1.5", "int-verl: sampling.top_p=1.5"),
        ("grader.workers=0", "grader.workers=0"),
        ("engine.in_flight=0", "engine.in_flight=0"),
        ("proposer.engine.foo=3", "proposer.engine.foo: no such key"),
        ("sft.total_steps=9", "sft.total_steps: no such key; is it rl.total_steps?"),
        ("rollouts=9", "rollouts: no such key; is it guide.rollouts or rl.rollouts?"),
        (
            "rl.overrides=[trainer.nnodes=2]",
            """in quotes, and for the shell all of it: 'rl.overrides=[""",
        ),
        ("run.name=mine (new", "Hydra cannot read the value"),
        ("guide.rollouts=4,8", "guide.rollouts=4,8: a setting has one value; a list is written [a,b]"),
        ("runs/mine", "runs/mine: write key=value"),
    ],
)
def test_mistakes_are_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], settings: list[str], override: str, message: str
) -> None:
    code, _, err = call(capsys, "sample", *settings, override)
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert err.startswith("int-verl: ")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sft.epochs=0", "sft.epochs=0: input should be greater than 0"),
        ("sft.overrides=[foo]", "foo: no override; write key=value"),
        ("sft.overrides=['model.path=x']", "set model.path instead"),
        ("rl.mini_batch=7", "is no multiple of rl.mini_batch=7"),
        ("rl.rollouts=1", "rl.rollouts=1: input should be greater than or equal to 2"),
        ("rl.reward_path=nope.py", "nope.py: no such file; rl.reward_path"),
        ("rl.overrides=['data.max_prompt_length=9']", "set rl.max_prompt_length instead"),
        ("eval.samples=0", "eval.samples=0"),
        ("proposer.path=/nowhere", "proposer.path=/nowhere: no such folder"),
        ("estimate.tokens_per_second=0", "estimate.tokens_per_second=0"),
    ],
)
@pytest.mark.parametrize("dry", [True, False])
def test_what_a_later_stage_would_refuse_is_refused_before_the_first(
    capsys: pytest.CaptureFixture[str], settings: list[str], tmp_path: Path, override: str, message: str, dry: bool
) -> None:
    code, _, err = call(capsys, "run", *(["--dry-run"] if dry else []), *settings, override)
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "run/journal.sqlite").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("guide: {rollout: 8}", "guide.rollout: no such key; is it guide.rollouts?"),
        ("guide:\n\trollouts: 8", "not YAML that can be read"),
        ("guide: {}\nguide: {}", "not YAML that can be read"),
        ("- a", "expected settings as `key: value`"),
        ("guide: 5", "guide=5: a section, not a value"),
    ],
)
def test_mistakes_in_a_recipe_name_its_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "my.yaml").write_text(text)
    sets = ["model.path=m", "problems.train=t.jsonl", "problems.heldout=h.jsonl"]
    code, _, err = call(capsys, "run", "--config", str(tmp_path / "my.yaml"), *sets)
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1


def test_the_files_of_a_recipe_are_made_by_what_it_names(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for recipe, script in (
        ("quickstart/quickstart.yaml", "quickstart/make_problems.py"),
        ("int_qwen3_4b/int_qwen3_4b.yaml", "int_qwen3_4b/prepare_data.sh"),
    ):
        code, _, err = call(capsys, "run", "--dry-run", "--config", str(QUICKSTART.parent / recipe))
        assert (code, f"recipes/{script}" in err, len(err.strip().splitlines())) == (2, True, 1)
        assert (QUICKSTART.parent / script).is_file()


def test_settings_of_the_files_rerun_no_training(settings: list[str]) -> None:
    """Their content is an input; runs of earlier versions have none of these settings."""
    stages = Stages(Run(compose(QUICKSTART / "quickstart.yaml", settings[2:]), Console()))
    for name in ("rl", "eval"):
        kept = recorded_settings(stages[name], stages.run.config)
        assert "problems.train_limit" in kept
        assert not {"problems.calculator_marks", "problems.made_by"} & set(kept)
        assert kept["problems.answer_after"] is None, "as of a run that did not have it"


def test_a_recipe_is_named_that_stands_beside(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("run: {seed: 1}")
    folder, typed = (call(capsys, "run", "--config", str(path))[2] for path in (tmp_path, tmp_path / "mien.yaml"))
    assert "a folder; name the recipe's YAML in it, mine.yaml" in folder
    assert "no such file; is it mine.yaml?" in typed


@pytest.mark.parametrize("damage", [lambda old: old[:100], lambda old: old + b"more"])
def test_a_table_that_was_changed_stops_the_run_until_it_is_made_again(
    capsys: pytest.CaptureFixture[str], settings: list[str], tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    assert call(capsys, "guide", *settings)[0] == 0
    file = tmp_path / "run/guide/sft.parquet"
    whole = file.read_bytes()
    file.write_bytes(damage(whole))
    for command in (["guide"], ["sft", "--dry-run"]):
        code, _, err = call(capsys, *command, *settings)
        assert code == 2
        assert "sft.parquet: no longer what the stage guide left" in err
    assert call(capsys, "guide", "--force", *settings)[0] == 0
    assert file.read_bytes() == whole


@pytest.mark.parametrize(("text", "message"), [("a: [", "not YAML"), ("", "holds a run with model.path=None")])
def test_a_folder_whose_settings_were_damaged_is_refused(
    capsys: pytest.CaptureFixture[str], settings: list[str], tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/config.yaml").write_text(text)
    code, _, err = call(capsys, "sample", *settings)
    assert code == 2
    assert message in err


def test_stages_made_together_are_not_said_to_be_unchanged(
    capsys: pytest.CaptureFixture[str], settings: list[str]
) -> None:
    _, out, _ = call(capsys, "guide", *settings)
    assert out.count("made with the stage before") == 2
    assert "unchanged" not in out
    assert call(capsys, "guide", *settings)[1].count("unchanged") == 3


def test_a_folder_that_was_moved_keeps_its_trained_model(tmp_path: Path) -> None:
    model = tmp_path / "a/sft/checkpoints/global_step_9/huggingface"
    model.mkdir(parents=True)
    (model / "config.json").write_text("{}")
    (tmp_path / "a/sft/model.txt").write_text(f"{model}\n")
    assert sft_model(RunFolder(tmp_path / "a")) == model
    moved = (tmp_path / "a").rename(tmp_path / "b")
    assert sft_model(RunFolder(moved)) == moved / "sft/checkpoints/global_step_9/huggingface"
    (moved / "sft/checkpoints/global_step_9/huggingface/config.json").unlink()
    with pytest.raises(UserError, match="SFT's model is gone"):
        sft_model(RunFolder(moved))


def test_sft_that_starts_over_names_no_model_until_it_has_one(settings: list[str], tmp_path: Path) -> None:
    """Killed then, the run must go on: RL asks for the model before SFT is resumed."""
    run = Run(compose(QUICKSTART / "quickstart.yaml", settings[2:]), Console())
    model = tmp_path / "run/sft/checkpoints/global_step_9/huggingface"
    model.mkdir(parents=True)
    (tmp_path / "run/sft/model.txt").write_text(f"{model}\n")
    Stages(run).sft.start_over()
    Stages(run).rl.check()
    assert sft_model(run.folder).parent.name == "LAST_STEP"


def test_a_report_needs_the_folder_alone(
    capsys: pytest.CaptureFixture[str], settings: list[str], tmp_path: Path
) -> None:
    assert call(capsys, "sample", *settings)[0] == 0
    code, out, _ = call(capsys, "report", f"run.dir={tmp_path / 'run'}")
    assert code == 0
    assert "report.html" in out


def test_a_path_that_cannot_be_written_is_one_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_problem_sets(tmp_path, train=12, heldout=3)
    train = str(tmp_path / "train.jsonl")
    for target in ("/proc/x.json", str(tmp_path)):
        code, _, err = call(capsys, "problems", "check", train, "--json", target)
        assert code == 2
        assert len(err.strip().splitlines()) == 1


def test_a_gold_answer_that_cannot_be_used_stops_before_any_sampling(
    capsys: pytest.CaptureFixture[str], settings: list[str], tmp_path: Path
) -> None:
    row = next(iter(problem_rows("train", 1))) | {"answer": r"\frac{1}{"}
    (tmp_path / "train.jsonl").write_text(json.dumps(row) + "\n")
    code, _, err = call(capsys, "sample", *settings)
    assert code == 2
    assert "row 1, column answer" in err
    assert not (tmp_path / "run/journal.sqlite").exists()


def test_a_heldout_problem_in_the_training_set_is_refused(
    capsys: pytest.CaptureFixture[str], settings: list[str], tmp_path: Path
) -> None:
    (tmp_path / "heldout.jsonl").write_text((tmp_path / "train.jsonl").read_text())
    code, _, err = call(capsys, "sample", *settings)
    assert code == 2
    assert "row 1 (train-0000) is also a training problem" in err


def test_a_folder_of_another_run_is_refused(
    capsys: pytest.CaptureFixture[str], settings: list[str], tmp_path: Path
) -> None:
    assert call(capsys, "sample", *settings)[0] == 0
    other = tmp_path / "other.jsonl"
    other.write_text("".join((tmp_path / "train.jsonl").read_text().splitlines(keepends=True)[:-1]))
    code, _, err = call(capsys, "sample", *settings, f"problems.train={other}")
    assert code == 2
    assert "this folder holds a run with problems.train=" in err


def test_a_problem_file_may_move(capsys: pytest.CaptureFixture[str], settings: list[str], tmp_path: Path) -> None:
    assert call(capsys, "sample", *settings)[0] == 0
    for name in ("train", "heldout"):
        (tmp_path / f"{name}.jsonl").rename(tmp_path / f"moved_{name}.jsonl")
    moved = [f"problems.{name}={tmp_path / f'moved_{name}.jsonl'}" for name in ("train", "heldout")]
    code, out, _ = call(capsys, "sample", *settings, *moved)
    assert code == 0
    assert "sample: done in" in out


def test_a_manifest_says_what_has_changed() -> None:
    manifest = Manifest("sft", "done", {"rows": "1"}, {"sft.epochs": 2, "sft.seed": 0})
    assert manifest.changes({"rows": "1"}, {"sft.epochs": 2, "sft.seed": 0}) == []
    assert manifest.changes({"rows": "2"}, {"sft.epochs": 3, "sft.seed": 0}) == [
        "sft.epochs 2 -> 3",
        "rows has changed",
    ]


def test_settings_that_no_output_depends_on_rerun_nothing(settings: list[str]) -> None:
    def chosen(stage: str, *more: str) -> dict[str, object]:
        config = compose(QUICKSTART / "quickstart.yaml", [*settings[2:], *more])
        return recorded_settings(Stages(Run(config, Console()))[stage], config)

    for stage in ("rl", "rl_baseline"):
        assert chosen(stage) == chosen(stage, "rl.dump_rollouts=false", "rl.save_freq=7")
        assert chosen(stage) != chosen(stage, "rl.total_steps=7")
    assert chosen("guide") == chosen("guide", "engine.in_flight=7", "grader.workers=3")
    assert chosen("guide") != chosen("guide", "run.shard=0/2")


def test_a_damaged_manifest_is_no_manifest(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.write_manifest(Manifest("sft", "done", counts={"steps": 3}))
    assert folder.manifest("sft") == Manifest("sft", "done", counts={"steps": 3})
    (tmp_path / "sft/manifest.json").write_text("{")
    assert folder.manifest("sft") is None


def test_the_report_of_an_unfinished_run_shows_what_there_is(
    capsys: pytest.CaptureFixture[str], settings: list[str], tmp_path: Path
) -> None:
    assert call(capsys, "guide", *settings)[0] == 0
    code, out, _ = call(capsys, "report", *settings)
    assert code == 0
    assert "sft" not in out
    assert "Continuing" in (tmp_path / "run/report.html").read_text()
    assert "unchanged" in call(capsys, "report", *settings)[1]
