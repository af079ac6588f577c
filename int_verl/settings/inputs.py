"""What a run is made of and where it stands: the sections `run`, `model`, `problems` and `prompts`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from int_verl.settings.ranges import Count, Day, FolderName, Name, PositiveInt


@dataclass(frozen=True, slots=True)
class RunSettings:
    name: FolderName = "default"
    "Name of the run and its folder."
    dir: Name = "runs/${run.name}${shard_suffix:${run.shard}}"
    shard: Name | None = None
    """i/n, from 0/n to n-1/n: generate for every n-th problem only, in a folder of its own; `int-verl merge` joins
    them."""
    seed: Count = 0
    "Every request of the generator, SFT and RL derive their seeds from it."
    date: Day | None = None
    """What a chat template that prints today's date prints, for example 2026-05-01; null: the day on which the run's
    folder was first started, whenever it goes on."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    path: Name
    "Folder or hub name of the base model, in Hugging Face format."


@dataclass(frozen=True, slots=True)
class ProblemSettings:
    train: Name
    "Training problems and held-out problems: .parquet, .jsonl, .csv or a `datasets` name (name:split)."
    heldout: Name
    columns: dict[Literal["problem", "answer", "reference_solution", "id", "source"], Name] = field(
        default_factory=dict
    )
    """Our column name -> the file's, for example {reference_solution: solution}; the others are found by the names that
    problem sets use, GSM8K's, MATH's and verl's own among them."""
    answer_after: Name | None = None
    "The answer is what follows this mark in its column; null: ####, as in GSM8K, where all rows have it."
    calculator_marks: Literal["keep", "remove"] = "keep"
    "What stands between << and >> in reference solutions, as in GSM8K: keep it, or remove it."
    made_by: Name | None = None
    "The command that makes a recipe's own files, said where one is missing."
    train_limit: PositiveInt | None = None
    "Keep the first so many."
    heldout_limit: PositiveInt | None = None


@dataclass(frozen=True, slots=True)
class PromptSettings:
    solve: Name = "math/solve"
    "Built-in templates by name, or paths of your own that end in .jinja."
    guided_solution: Name = "math/guided_solution"
    verify: Name = "math/verify"
    hint: Name = "baselines/hint"
    """Of the baselines: an RL prompt with a hint (rl.hint_share), and the model's rewriting of its attempt
    (sft_data)."""
    self_reflection: Name = "baselines/self_reflection"
