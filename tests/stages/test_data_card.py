"""What a generator run leaves for others: tables that plain `datasets` reads, the data card, and its upload."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml

from int_verl.cli import main
from int_verl.commands.push import release_files
from int_verl.errors import UserError
from int_verl.records import PROVENANCE, RL, SCORE, TURNS, read_rows
from int_verl.stages.data_card import CARD, FILES
from tests.hub import Hub
from tests.quickstart_files import QUICKSTART, ROOT, SCRIPT, write_problem_sets

TRAIN = 12


def generate(run: Path) -> None:
    settings = (
        f"run.dir={run}",
        f"problems.train={run.parent / 'train.jsonl'}",
        f"problems.heldout={run.parent / 'heldout.jsonl'}",
        "platform=cpu",
        "engine.name=scripted",
        f"engine.script={SCRIPT}:script",
        "guide.rollouts=4",
        "propose.two_turns=true",
        "propose.sampling.max_tokens=150",
    )
    with pytest.raises(SystemExit) as done:
        main(["guide", "--config", str(QUICKSTART / "quickstart.yaml"), *settings])
    assert not done.value.code


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished generator run with a scripted engine."""
    folder = tmp_path_factory.mktemp("card")
    write_problem_sets(folder, train=TRAIN, heldout=3)
    generate(folder / "run")
    return folder / "run"


@pytest.fixture
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    return tmp_path / "cache"


def test_plain_datasets_reads_every_table(run: Path, no_cache: Path) -> None:
    import datasets

    tables = sorted(run.rglob("*.parquet"))
    assert len(tables) == 9  # two problem sets, attempts, guided solutions, proposals, and the four of guide/
    for table in tables:
        rows = datasets.load_dataset("parquet", data_files=str(table), split="train", cache_dir=str(no_cache))
        assert rows.num_rows == pq.read_metadata(table).num_rows > 0
        assert rows.column_names == pq.read_schema(table).names
        assert rows[0] == next(read_rows(table)), table


def test_the_folder_is_a_data_set_with_a_card(run: Path, no_cache: Path) -> None:
    import datasets

    folder = str((run / CARD).parent)
    assert datasets.get_dataset_config_names(folder) == list(FILES)
    default = datasets.load_dataset(folder, split="train", cache_dir=str(no_cache))
    assert default.column_names == pq.read_schema(run / "guide/sft.parquet").names
    for config, (file, _) in FILES.items():
        rows = datasets.load_dataset(folder, config, split="train", cache_dir=str(no_cache))
        assert rows.num_rows == pq.read_metadata(run / file).num_rows


def test_the_card_tells_what_the_files_are(run: Path) -> None:
    card = (run / CARD).read_text()
    _, front, body = card.split("---\n", 2)
    matter = yaml.safe_load(front)
    assert [config["config_name"] for config in matter["configs"]] == list(FILES)
    assert "license" not in matter  # is the user's to say
    manifests = {stage: json.loads((run / stage / "manifest.json").read_text()) for stage in ("sample", "guide")}
    for file, _ in FILES.values():
        rows = pq.read_metadata(run / file).num_rows
        assert f"| {rows:,} |" in next(line for line in body.splitlines() if Path(file).name in line)
        assert hashlib.sha256((run / file).read_bytes()).hexdigest() in body
    assert f"| kept | {manifests['guide']['counts']['kept']} |" in body
    assert f"| attempts | {manifests['sample']['counts']['attempts']} |" in body
    row = next(read_rows(run / "guide/sft.parquet", ["model_revision", "prompt_version"]))
    assert row["model_revision"] in body
    assert row["prompt_version"] in body
    assert "| `guide.rollouts` | `4` |" in body
    assert "| `run.seed` | `0` |" in body
    assert "arXiv:2601.14209" in body
    assert str(run.parent) not in card  # no path of this machine
    assert manifests["guide"]["outputs"]["card"] == CARD


def test_a_card_that_was_lost_is_written_again_the_same(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = {file: (run / file).read_bytes() for file in (CARD, *(file for file, _ in FILES.values()))}
    (run / CARD).unlink()
    generate(run)
    assert "guide/README.md is missing" in capsys.readouterr().out
    assert {file: (run / file).read_bytes() for file in kept} == kept


def test_rl_rows_are_all_training_problems_in_verls_columns(run: Path) -> None:
    rows, problems = list(read_rows(run / "guide/rl.parquet")), list(read_rows(run / "problems/train.parquet"))
    assert pq.read_schema(run / "guide/rl.parquet").equals(RL)
    assert [row["extra_info"]["id"] for row in rows] == [problem["id"] for problem in problems]
    assert len(rows) == TRAIN
    for row, problem in zip(rows, problems, strict=True):
        assert row["reward_model"] == {"style": "rule", "ground_truth": problem["answer"]}
        assert [message["role"] for message in row["prompt"]] == ["user"]
        assert problem["problem"] in row["prompt"][0]["content"]
        assert row["data_source"] == problem["source"]


def test_the_docs_explain_every_file_and_column(run: Path) -> None:
    docs = (ROOT / "docs/outputs.md").read_text()
    sections = dict(section.split("\n", 1) for section in docs.split("\n### ")[1:])
    explained = {
        title.strip("`"): [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
        for title, text in sections.items()
    }
    provenance = [field.name for field in PROVENANCE]
    assert explained.pop("Provenance") == provenance
    assert explained.pop("eval/scores.parquet") == SCORE.names
    assert explained.pop("Conversations") == [field.name for field in TURNS]
    tables = {str(table.relative_to(run)): pq.read_schema(table).names for table in run.rglob("*.parquet")}
    assert tables.pop("problems/heldout.parquet") == tables["problems/train.parquet"]
    own = {
        file: [n for n in names if names[-1] != provenance[-1] or n not in provenance] for file, names in tables.items()
    }
    assert explained == own
    overview = docs.split("\n## ")[0]
    for file in (str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()):
        assert f"`{file}`" in overview or file.endswith("manifest.json"), file


# Push


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as hub:
        yield hub


def push(run: Path, tmp_path: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`int-verl push` in a process of its own: the hub's address and token are read once a process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "HUGGING_FACE"))}
    return subprocess.run(
        [sys.executable, "-m", "int_verl.cli", "push", str(run), "--repo", "someone/data", *options],
        env=kept | {"HF_HOME": str(tmp_path / "home")} | environment,
        input="n\n",
        capture_output=True,
        text=True,
        check=False,
    )


def test_push_uploads_the_card_and_its_files_and_nothing_else(run: Path, tmp_path: Path, hub: Hub) -> None:
    address, asked = hub.address, hub.asked
    done = push(run, tmp_path, "--private", "--yes", HF_ENDPOINT=address, HF_TOKEN="hf_made_up")
    assert done.returncode == 0, done.stderr
    bodies = {request.split("/")[-1] if "create" in request else request: body for request, body in asked}
    created = json.loads(bodies["create"])
    assert (created["organization"], created["name"], created["type"]) == ("someone", "data", "dataset")
    assert created.get("private") is True or created.get("visibility") == "private"
    (commit,) = (body for request, body in asked if "/commit/" in request)
    lines = [json.loads(line) for line in commit.splitlines()]
    sent = sorted(line["value"]["path"] for line in lines if line["key"] == "file")
    assert sent == sorted(["README.md", *(Path(file).name for file, _ in FILES.values())])
    assert "names no license yet" in done.stdout
    assert "uploaded: http://" in done.stdout


def test_push_asks_first(run: Path, tmp_path: Path, hub: Hub) -> None:
    address, asked = hub.address, hub.asked
    done = push(run, tmp_path, HF_ENDPOINT=address, HF_TOKEN="hf_made_up")
    assert "Upload? [y/N]" in done.stdout
    assert done.returncode == 130
    assert asked == []


def test_push_without_a_token_says_how_to_get_one(run: Path, tmp_path: Path) -> None:
    done = push(run, tmp_path, "--yes", HF_ENDPOINT="http://127.0.0.1:9")
    assert done.returncode == 2
    assert done.stderr == (
        "int-verl: no Hugging Face token; log in with `hf auth login` or set HF_TOKEN, then run this again\n"
    )


def test_push_to_a_hub_that_does_not_answer_is_one_line(run: Path, tmp_path: Path) -> None:
    done = push(run, tmp_path, "--yes", HF_ENDPOINT="http://127.0.0.1:9", HF_TOKEN="hf_made_up")
    assert done.returncode == 2
    assert "--repo someone/data: the hub refuses or cannot be reached" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_only_a_finished_run_is_pushed(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has not finished"):
        release_files(tmp_path)
    assert [file.name for file in release_files(run)][:2] == ["README.md", "sft.parquet"]
