"""`int-verl init`: from a file of problems to a folder with cleaned sets and a commented recipe that a run takes."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from int_verl.errors import UserError

if TYPE_CHECKING:
    from int_verl.problems.columns import CalculatorMarks
    from int_verl.problems.curate import Curated

RECIPE = "run.yaml"
DEFAULT_MODEL = "Qwen/Qwen3-4B-Instruct-2507"
_NEEDED = 32_768
"Positions that the default lengths need."


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--data", required=True, metavar="FILE", help="Problems: .parquet, .jsonl, .csv or a `datasets` name.")
@click.option("--heldout", metavar="FILE", help="The held-out set [default: a share of --data].")
@click.option(
    "--heldout-share",
    default=0.1,
    show_default=True,
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of --data that is held out, told by a hash of each problem.",
)
@click.option("--model", default=DEFAULT_MODEL, show_default=True, metavar="FOLDER_OR_NAME", help="The base model.")
@click.option(
    "--engine",
    type=click.Choice(["verl", "openai"]),
    default="verl",
    show_default=True,
    help="verl: rollout servers of its own. openai: servers that run already.",
)
@click.option("--url", "urls", multiple=True, metavar="URL", help="With openai: http://node1:8000/v1; repeatable.")
@click.option("--column", "columns", multiple=True, metavar="OURS=THEIRS", help="As for `problems check`.")
@click.option("--answer-after", metavar="MARK", help="As for `problems check`.")
@click.option(
    "--calculator-marks", type=click.Choice(["keep", "remove"]), default="keep", help="As for `problems check`."
)
def init(
    folder: Path,
    data: str,
    heldout: str | None,
    heldout_share: float,
    model: str,
    engine: str,
    urls: tuple[str, ...],
    columns: tuple[str, ...],
    answer_after: str | None,
    calculator_marks: CalculatorMarks,
) -> None:
    """Look at a file of problems, and make DIR with the sets and the recipe of a run on them.

    Columns are found as by `problems check`, GSM8K's and verl's own among them; rows that a run would refuse are left
    out and named.
    """
    from int_verl.console import marked, standard_output
    from int_verl.files import write_text
    from int_verl.problems.check import locate_columns
    from int_verl.problems.columns import said_columns
    from int_verl.problems.curate import Rules, curate
    from int_verl.progress import StageProgress
    from int_verl.settings.compose import compose

    if (folder / RECIPE).exists():
        raise UserError(f"{folder / RECIPE}: there is one already; choose another DIR, or remove it")
    if (engine == "openai") != bool(urls):
        raise UserError("--engine openai and --url URL go together; give both, or none")
    console, said = standard_output(), said_columns(columns)
    found = locate_columns(data, said, answer_after)
    if "reference_solution" not in found.mapping:
        raise UserError(
            f"{data}: no column of reference solutions, which InT needs; say --column reference_solution=NAME, or join "
            "them from elsewhere with `int-verl problems join --references FILE`"
        )
    console.print(f"{data}: read with {found}", soft_wrap=True)
    train, held = folder / "train.parquet", folder / "heldout.parquet"
    how: dict[str, Any] = {"columns": said, "answer_after": answer_after, "calculator_marks": calculator_marks}
    rules = Rules(heldout=0.0 if heldout else heldout_share)
    with StageProgress(console, "init", lead="rows") as progress:
        how |= {"use": "train", "against": heldout, "count": progress.count}
        curated = curate(data, rules, train, None if heldout else held, **how)
        if heldout:
            curated.heldout = curate(heldout, Rules(), held, None, use="heldout", count=progress.count).train
    for kind, number in Counter(drop.kind for drop in curated.dropped).items():
        first = next(drop for drop in curated.dropped if drop.kind == kind)
        console.print(f"  left out, {kind}: {number:,}, the first is row {first.row}: {first.reason}", soft_wrap=True)
    if not curated.heldout:
        raise UserError(f"{data}: no problem was held out of {curated.rows}; raise --heldout-share, or give --heldout")
    write_text(folder / RECIPE, recipe(folder, curated, model, engine, urls))
    compose(folder / RECIPE, [])  # what was written is settings
    console.print(marked("✓", f" {curated.train:,} problems to train on, {curated.heldout:,} held out, and {RECIPE}"))
    command = f"int-verl run --config {shlex.quote(str(folder / RECIPE))}"
    console.print(f"Next:  {command} --dry-run   # the plan, its cost, and whether it would run here", soft_wrap=True)
    console.print(f"       {command}", soft_wrap=True)


def recipe(folder: Path, curated: Curated, model: str, engine: str, urls: tuple[str, ...]) -> str:
    """The YAML of a run: what differs from the defaults, and why."""
    gpus, context = _gpus(), _positions(model)
    sections: dict[str, tuple[str, dict[str, Any]]] = {
        "run": ("", {"name": folder.resolve().name}),
        "model": ("a folder, or a name at the hub, in Hugging Face format", {"path": model}),
        "problems": (
            "cleaned, with our columns, beside this file",
            {"train": "${recipe_dir:}/train.parquet", "heldout": "${recipe_dir:}/heldout.parquet"},
        ),
    }
    if engine == "openai":
        sections["engine"] = ("servers that serve the model of model.path", {"name": "openai", "base_urls": list(urls)})
    elif gpus:
        sections["engine"] = ("the GPUs of this machine", {"gpus_per_node": gpus})
    sft, rl = _batches(curated.train, gpus)
    if context is not None and context < _NEEDED:
        about = f"the model has {context:,} positions: a verification holds problem, reference and a whole attempt"
        sections["sampling"] = (about, {"max_tokens": context // 4})
        sft["max_length"] = context
        rl |= {"max_prompt_length": context // 4, "max_response_length": context // 2}
    few = f"the {curated.train} problems fill no larger batch" if "prompts_per_step" in rl else ""
    sections |= {"sft": ("", sft)} if sft else {}
    sections |= {"rl": (few, rl)} if rl else {}
    lines = [
        f"# InT on {Path(curated.file).name}: {curated.train:,} problems to train on, {curated.heldout:,} held out.",
        "# All else is at its default, which is the paper's; `int-verl settings` lists it with its meaning.",
    ]
    for name, (about, values) in sections.items():
        lines += [f"# {about[0].upper()}{about[1:]}."] if about else []
        lines += [f"{name}:", *(f"  {key}: {_written(value)}" for key, value in values.items())]
    if not gpus:
        lines.append("# On a host with GPUs say how many: engine.gpus_per_node, sft.gpus_per_node, rl.gpus_per_node.")
    return "\n".join(lines) + "\n"


def _batches(problems: int, gpus: int) -> tuple[dict[str, int], dict[str, int]]:
    """Of `sft` and `rl`: the GPUs of this machine, and batches that the problems fill."""
    from int_verl.settings.training import RLSettings, SFTSettings

    sft = {"gpus_per_node": gpus} if gpus else {}
    rl = dict(sft)
    if problems < SFTSettings().batch_size:
        sft["batch_size"] = max(problems // (gpus or 1), 1) * (gpus or 1)
    if problems < RLSettings().prompts_per_step:
        rl["prompts_per_step"] = rl["mini_batch"] = problems
    return sft, rl


def _positions(model: str) -> int | None:
    """Of a model that lies in a folder here."""
    from int_verl.files import read_json

    config = Path(model).expanduser() / "config.json"
    said: Mapping[str, Any] = read_json(config) if config.is_file() else {}
    return (said.get("text_config") or said).get("max_position_embeddings")


def _written(value: Any) -> str:
    """A value as YAML, on a line."""
    from yaml import safe_dump

    return safe_dump(value, default_flow_style=True, width=2**20).removesuffix("...\n").rstrip()


def _gpus() -> int:
    from int_verl.stages.budget import gpu_memories

    return len(gpu_memories())
