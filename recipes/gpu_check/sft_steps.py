"""Two steps of SFT on the model of random weights, with micro-batches as long as the recipe's longest row."""

from __future__ import annotations

import math
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from job import Job
from random_model import SHAPES, random_model
from trainers import PACKED, one_card, start_over, train

from int_verl.doctor import Check
from int_verl.settings.training import SFTSettings
from int_verl.trainers.sft import SFTLaunch

ROWS, STEPS = 2, 2
"Rows of a step, each a micro-batch of its own."


def measure(job: Job) -> None:
    start_over(job)
    rows = job.home / "sft.parquet"
    write_rows(rows, PACKED[job.platform], SHAPES[job.platform]["vocab_size"])
    launch = sft_launch(job, random_model(job), rows)
    steps = train(job, launch.command(launch.training_rows()))
    losses = [row["train/loss"] for row in steps]
    # Of weights that know nothing, about the logarithm of the vocabulary's size.
    ok = len(losses) == STEPS and all(map(math.isfinite, losses))
    job.check(Check("SFT's loss is a number", ok, ", ".join(f"{loss:.3f}" for loss in losses)))
    job.figure(tokens_of_a_micro_batch=f"{PACKED[job.platform]:,}")


def sft_launch(job: Job, model: Path, rows: Path) -> SFTLaunch:
    # The model is not saved: this part is about time and memory, and a checkpoint of 4B parameters is 64 GB.
    overrides = ("checkpoint.save_contents=[extra]", "checkpoint.load_contents=[extra]")
    settings = SFTSettings(
        epochs=1,
        batch_size=ROWS,
        max_length=PACKED[job.platform],
        overrides=(*one_card(job, "engine", "model"), *overrides),
    )
    return SFTLaunch(
        settings=settings,
        model_path=model,
        train_file=rows,
        val_file=None,
        output_dir=job.home / "checkpoints",
        seed=0,
        platform=job.platform,
    )


def write_rows(file: Path, length: int, vocabulary: int) -> None:
    """Rows of exactly so many tokens, drawn by chance: a short prompt, a long prefix, an intervention."""
    rng = random.Random(0)
    sizes = {"prompt_ids": length // 8, "prefix_ids": length - 2 * (length // 8), "intervention_ids": length // 8}
    table = {
        name: pa.array([rng.choices(range(vocabulary), k=size) for _ in range(ROWS * STEPS)], pa.list_(pa.int32()))
        for name, size in sizes.items()
    }
    pq.write_table(pa.table(table), file)
