"""`int-verl eval`: the stage of a run, or, with problem sets of its own, an evaluation of any model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from int_verl.commands.schedule import EPILOG, run_schedule, schedule_options
from int_verl.errors import UserError

if TYPE_CHECKING:
    from int_verl.console import SafeConsole
    from int_verl.problems.sets import ProblemSet
    from int_verl.run.run import Run

_PATH = click.Path(path_type=Path)


@click.command("eval", epilog=EPILOG)
@click.option(
    "--model",
    metavar="MODEL",
    help="A folder, a hub name, a LoRA adapter's folder or a checkpoint of verl's [default: model.path].",
)
@click.option(
    "--problems",
    "named_sets",
    multiple=True,
    metavar="[NAME=]FILE",
    help="A problem set; may be given several times. Without a name it has the file's.",
)
@click.option("--train", "train_set", metavar="FILE", help="Training problems: the column D_train.")
@click.option(
    "--dumps", type=_PATH, metavar="FOLDER", help="Draw nothing: read what verl's trainer.validation_data_dir holds."
)
@click.option("--step", type=click.IntRange(0), help="Of --dumps [default: the last].")
@click.option("--out", type=_PATH, metavar="FOLDER", help="Where the evaluation goes.")
@schedule_options
def evaluate(
    model: str | None,
    named_sets: tuple[str, ...],
    train_set: str | None,
    dumps: Path | None,
    step: int | None,
    out: Path | None,
    config_file: Path | None,
    dry_run: bool,
    force: bool,
    overrides: tuple[str, ...],
) -> None:
    """Evaluate every model of a run, or any model on any problem sets.

    \b
    int-verl eval --config RECIPE.yaml                       the stage of a run, with those before it
    int-verl eval --model M --problems A.parquet --out DIR   any model, with the recipe's settings if one is named
    int-verl eval --dumps FOLDER --out DIR                   what verl has validated already

    With --out it leaves pass@k, maj@k, what was cut off or has no answer, lengths, and a column a source with its k of
    eval.k_by_source, all with intervals. The same command goes on where it was stopped; `int-verl compare` sets
    several side by side.
    """
    own = {"--model": model, "--problems": named_sets, "--train": train_set, "--dumps": dumps, "--step": step}
    if out is None:
        if said := [flag for flag, value in own.items() if value not in (None, ())]:
            raise UserError(f"{said[0]}: say where the evaluation goes with --out FOLDER")
        run_schedule("eval", config_file, dry_run, force, overrides)
        return
    if force:
        raise UserError(f"--force: the journal keeps what was drawn; remove {out} to draw it again")
    if dumps is None and step is not None:
        raise UserError("--step: is the step of --dumps FOLDER")
    if dumps is None and not named_sets and train_set is None:
        raise UserError("--out: say what to evaluate on, with --problems FILE")
    from int_verl.console import standard_output
    from int_verl.run.run import Run
    from int_verl.settings.compose import compose

    flags = {"run.dir": str(out), **({"model.path": model} if model else {})}
    unneeded = ("problems.train", "problems.heldout", *(["model.path"] if dumps else []))
    console = standard_output()
    run = Run(compose(config_file, overrides, flags, unneeded), console)
    sets = _problem_sets(run, named_sets, train_set)
    if dumps is not None:
        _evaluate_dump(run, sets, dumps, step, model)
    else:
        _evaluate_model(run, sets, dry_run)


def _problem_sets(run: Run, named: tuple[str, ...], train: str | None) -> dict[str, ProblemSet]:
    from int_verl.evaluate.benchmark import TRAIN
    from int_verl.problems.sets import ProblemSet

    files: dict[str, str] = {}
    for text in named:
        name, file = _name_and_file(text)
        if name in (*files, TRAIN):
            raise UserError(f"--problems {text}: there is a set of that name; give it another, NAME={file}")
        files[name] = file
    if train is not None:
        files[TRAIN] = train
    columns = {str(ours): theirs for ours, theirs in run.settings.problems.columns.items()}
    how = (None, False, run.settings.problems.answer_after, run.settings.problems.calculator_marks)
    return {name: ProblemSet(file, columns, *how) for name, file in files.items()}


def _name_and_file(text: str) -> tuple[str, str]:
    """
    >>> _name_and_file("amo=sets/amo_bench.parquet"), _name_and_file("sets/apex.jsonl"), _name_and_file("o/hmmt:test")
    (('amo', 'sets/amo_bench.parquet'), ('apex', 'sets/apex.jsonl'), ('hmmt', 'o/hmmt:test'))
    """
    name, equals, file = text.partition("=")
    if equals and file and "/" not in name and not Path(text).exists():
        return name, file
    return Path(text).stem.partition(":")[0], text


def _evaluate_model(run: Run, sets: dict[str, ProblemSet], dry_run: bool) -> None:
    from dataclasses import replace

    from int_verl.generate.model import LocalModel
    from int_verl.progress import StageProgress
    from int_verl.run.run import Policy
    from int_verl.run_files import EVALUATED_MODEL, STATUS
    from int_verl.stages.benchmark import Benchmark
    from int_verl.trainers.any_checkpoint import as_model

    settings, console, named = run.settings, run.console, run.model
    max_tokens = settings.evaluated_tokens

    def benchmark(model: LocalModel) -> Benchmark:
        policy = Policy(model, settings.engine, (max_tokens, max_tokens), run.platform)
        return Benchmark(
            run.folder, policy, run.prompts, run.grader, settings.eval, max_tokens, settings.run.seed, sets
        )

    planned = benchmark(named)
    planned.check()
    if dry_run:
        run.try_parts()
        console.print("\n".join([f"{named.label} on {run.platform}:", *planned.plan()]))
        return
    with run.folder.lock():
        run.folder.remember(run.config, ("model.path",))
        model = replace(named, name=as_model(named.name, run.folder / EVALUATED_MODEL), written=named.label)
        total = sum(map(len, sets.values()))
        with StageProgress(console, "eval", total, "problems", run.folder / STATUS) as progress:
            cells = benchmark(model).run(progress)
    _show(console, cells, run.folder.path)


def _evaluate_dump(run: Run, sets: dict[str, ProblemSet], place: Path, step: int | None, model: str | None) -> None:
    from int_verl.report.evaluation import write_evaluation
    from int_verl.stages.dumped_evaluation import dump_of, dumped_rows

    dump = dump_of(place, step)
    settings = run.settings
    name = model or str(dump)
    max_tokens = settings.evaluated_tokens
    rows = list(dumped_rows(dump, name, sets, run.model.codec if model else None, max_tokens))
    about = {"model": name, "dump": str(dump), "max_tokens": max_tokens}
    with run.folder.lock():
        try:
            cells = write_evaluation(run.folder.path, about, rows, settings.eval.k_by_source)
        except ValueError as error:
            raise UserError(f"eval.k_by_source: {error}") from error
    _show(run.console, cells, run.folder.path)


def _show(console: SafeConsole, cells: list[Any], folder: Path) -> None:
    for table in cells:
        console.print(table.rich())
    console.print(f"evaluation: {folder}", soft_wrap=True)
