"""`int-verl sft show`: what SFT will be trained on, row by row, read by the very data set that the trainer uses."""

from __future__ import annotations

from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from int_verl.errors import UserError
from int_verl.terminal import visible

if TYPE_CHECKING:
    from rich.text import Text

    from int_verl.sft.rows import SFTRows

TRAINED, UNTRAINED = "bold green", "dim"
OPEN, CLOSE = "⟦", "⟧"
"Around what is trained on, for those who see no colours."
_VISIBLE = str.maketrans("\n \t", "⏎␣⇥")


@click.command("sft show")
@click.argument("run_or_parquet", type=click.Path(path_type=Path))
@click.option("--rows", default=3, show_default=True, help="How many rows, from the first on.")
@click.option("--tokens", is_flag=True, help="One token at a time, with its id.")
@click.option("--model", metavar="FOLDER", help="Tokenizer of a PARQUET [default: the model that its rows name].")
@click.option("--loss-on", type=click.Choice(["prefix_and_intervention", "intervention"]), help="Of a PARQUET.")
@click.option("--suffix", is_flag=True, help="Of a PARQUET: with its suffixes.")
def show(run_or_parquet: Path, rows: int, tokens: bool, model: str | None, loss_on: str | None, suffix: bool) -> None:
    """Print rows of SFT with the trained tokens coloured, and between ⟦ and ⟧.

    RUN_OR_PARQUET: a run's folder, whose settings count; or a file with rows for SFT.
    """
    from omegaconf import OmegaConf

    from int_verl.console import standard_output
    from int_verl.sft.rows import model_named_in

    console = standard_output()
    if run_or_parquet.is_dir():
        file, model_name, data = _of_run(run_or_parquet)
    else:
        file, model_name = run_or_parquet, model or model_named_in(run_or_parquet)
        intervention = {"loss_on": loss_on or "prefix_and_intervention", "suffix": suffix}
        data = {"max_length": 2**31, "intervention": intervention}
    # Slow, so after the mistakes that are seen without them.
    from int_verl.generate.chat import ChatCodec
    from int_verl.generate.model import LocalModel
    from int_verl.sft.dataset import InterventionSFTDataset

    tokenizer = ChatCodec(LocalModel(model_name).folder).tokenizer
    dataset = InterventionSFTDataset(str(file), tokenizer, OmegaConf.create(data))
    for number in range(min(rows, len(dataset))):
        console.print(_heading(dataset.rows, number), style="bold", soft_wrap=True)
        console.print(rendered(dataset[number], tokenizer, tokens), soft_wrap=True)
        console.print()
    console.print(_totals(dataset.rows), soft_wrap=True)


def _of_run(folder: Path) -> tuple[Path, str, dict[str, Any]]:
    """The file that the run's SFT trains on, its model, and verl's `data` settings."""
    from int_verl.console import standard_output
    from int_verl.run.run import run_in
    from int_verl.stages.assemble import Stages

    run = run_in(folder, standard_output())
    file = Stages(run).sft.training_file
    if not file.is_file():
        raise UserError(f"{file}: not there yet; run the stages before SFT first, and with sft.suffix=true SFT itself")
    sft = run.settings.sft
    intervention = {"loss_on": sft.loss_on, "suffix": sft.suffix, "overlong": sft.overlong}
    return file, str(run.model.folder), {"max_length": sft.max_length, "intervention": intervention}


def rendered(item: dict[str, Any], tokenizer: Any, one_by_one: bool = False) -> Text:
    """A row's tokens as text, with what is trained on marked.

    Args:
        item: as the data set gives it.
        one_by_one: every token apart, with its id.
    """
    from rich.text import Text

    decode = partial(tokenizer.decode, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    text = Text()
    pairs = zip(item["input_ids"].tolist(), (item["loss_mask"] > 0).tolist(), strict=True)
    for trained, group in groupby(pairs, key=lambda pair: pair[1]):
        ids = [token for token, _ in group]
        shown, end = visible(decode(ids)), ""
        if one_by_one:
            shown, end = " ".join(f"{token}:{visible(decode([token])).translate(_VISIBLE)}" for token in ids), "\n"
        text.append(f"{OPEN}{shown}{CLOSE}{end}" if trained else f"{shown}{end}", TRAINED if trained else UNTRAINED)
    return text


def _heading(rows: SFTRows, number: int) -> str:
    row, (file, position) = rows[number], rows.origin(number)
    mask = row.trained(rows.settings.loss_on)
    lengths = {name: len(getattr(row, name)) for name in ("prompt", "prefix", "intervention", "suffix")}
    parts = ", ".join(f"{name} {length}" for name, length in lengths.items() if length)
    weight = f", weight {row.weight:g}" if rows.weighted else ""
    return f"{file.name} row {position}: {len(mask)} tokens ({parts}), {mask.sum()} trained{weight}"


def _totals(rows: SFTRows) -> str:
    total, trained = rows.token_counts()
    dropped = f", {rows.dropped} more dropped as longer than {rows.settings.max_length}" if rows.dropped else ""
    count = "1 row" if len(rows) == 1 else f"{len(rows):,} rows"
    return f"{count}{dropped}; {total:,} tokens: {trained:,} trained, {total - trained:,} untrained"
