"""Step times of SFT and RL through int_verl's recipes, against stock verl with the same settings.

    python benchmarks/overhead.py                     # about twenty minutes on two quiet cores
    python benchmarks/overhead.py --only rl --rounds 3

Both arms are verl's stock trainers on the quickstart's model. Stock has verl's own primary with our recipe's values as
overrides, and verl's own parts where ours has one of int_verl's: `MultiTurnSFTDataset` for `InterventionSFTDataset`,
verl's reward for the data source `lighteval/MATH` for `math_answer`, the replay buffer without our metrics. What a CPU
needs (`+int=cpu_*`) both have, and both ask for finished rollouts every 0.1 s. SFT trains on the same tokens in both;
stock encodes its messages anew in every epoch, in the trainer's process, ours reads token ids. RL draws as many
rollouts in both, not the same ones.

Runs alternate (ours, stock, stock, ours, ...). RL: medians of verl's `timing_s/*` over the steps of all runs but the
first two of each. SFT: medians of the times between two lines in verl's metrics file (verl 0.9 times no SFT step).
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "recipes" / "quickstart"))

from domain import Problem, own_solution, problem_sets, solve_prompt  # noqa: E402

from int_verl.generate.chat import ChatCodec  # noqa: E402
from int_verl.settings.compose import flatten  # noqa: E402
from int_verl.settings.evaluation import EvalSettings  # noqa: E402
from int_verl.settings.training import RLSettings, SFTSettings  # noqa: E402
from int_verl.trainers.process import run_trainer  # noqa: E402
from int_verl.trainers.rl import RLLaunch  # noqa: E402
from int_verl.trainers.sft import SFTLaunch  # noqa: E402
from int_verl.trainers.verl_folder import read_metrics  # noqa: E402

Arm = Literal["ours", "stock"]
Floats = np.ndarray[Any, np.dtype[np.float64]]
MODEL = ROOT / "recipes" / "quickstart" / "model"
CONFIGS = ROOT / "int_verl" / "config"
PARTS = ("step", "gen", "old_log_prob", "adv", "update_actor", "update_weights")
WARM_UP = 2
# What our primaries have of int_verl's own; stock has verl's in its place.
OURS = ("data.intervention", "data.custom_cls", "reward.custom_reward_function", "trainer.v1.sampler")
OURS += ("actor_rollout_ref.rollout.agent",)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("sft", "rl"))
    parser.add_argument("--rounds", type=int, default=2, help="runs of each arm")
    parser.add_argument("--rl-steps", type=int, default=10)
    parser.add_argument("--sft-epochs", type=int, default=4, help="of 16 steps")
    args = parser.parse_args()
    console = Console(width=120)
    with tempfile.TemporaryDirectory(prefix="overhead-") as folder:
        if args.only != "rl":
            console.print(measure_sft(Path(folder), args.rounds, args.sft_epochs))
        if args.only != "sft":
            console.print(measure_rl(Path(folder), args.rounds, args.rl_steps))


def order(rounds: int) -> list[Arm]:
    """Ours and stock in turn, each first in every other round."""
    turns: list[Arm] = []
    for number in range(rounds):
        turns += ["stock", "ours"] if number % 2 else ["ours", "stock"]
    return turns


def measure_sft(folder: Path, rounds: int, epochs: int) -> Table:
    """Seconds a step of SFT in both arms."""
    file = folder / "sft.parquet"
    write_sft_rows(file, 256)
    settings = SFTSettings(epochs=epochs, batch_size=16, learning_rate=1e-4, max_length=256)
    seconds: dict[Arm, list[float]] = {"ours": [], "stock": []}
    tokens: dict[Arm, float] = {}
    for number, arm in enumerate(order(rounds)):
        launch = SFTLaunch(
            settings=settings, model_path=MODEL, train_file=file, val_file=None,
            output_dir=folder / f"sft-{number}-{arm}", seed=1, platform="cpu",
        )  # fmt: skip
        command = launch.command(launch.training_rows())
        if arm == "stock":
            arguments = as_stock(command.argv, "int_sft", "sft_trainer_engine", "cpu_sft")
            command = replace(command, argv=[*arguments, "data.pad_mode=no_padding"])
        with StepClock(command.metrics_dir / "000.jsonl") as clock:
            run_trainer(command)
        tokens[arm] = read_metrics(command.output_dir)[0]["train/global_tokens"]
        seconds[arm] += clock.seconds()[WARM_UP:]
        shutil.rmtree(command.output_dir)
        print(f"SFT, {arm}: {1_000 * np.median(clock.seconds()[WARM_UP:]):.1f} ms a step", flush=True)
    table = Table(
        title=f"SFT: {epochs * 16} steps of 16 rows, {rounds} runs of each",
        caption=f"tokens of the first step: {tokens['ours']:.0f} and {tokens['stock']:.0f}",
    )
    add_ratio(table, {"step": (np.array(seconds["ours"]), np.array(seconds["stock"]))})
    return table


def measure_rl(folder: Path, rounds: int, steps: int) -> Table:
    """Medians of what a step of RL consists of in both arms, with a bootstrap interval of the ratio over steps."""
    file = folder / "rl.parquet"
    write_rl_rows(file, 64)
    settings = RLSettings(
        prompts_per_step=16, rollouts=8, mini_batch=16, learning_rate=1e-5, total_steps=steps, max_prompt_length=96,
        max_response_length=96, save_freq=steps, overrides=("trainer.val_before_train=false", "trainer.test_freq=-1"),
    )  # fmt: skip
    timings: dict[Arm, list[dict[str, float]]] = {"ours": [], "stock": []}
    rewards: dict[Arm, list[float]] = {"ours": [], "stock": []}
    for number, arm in enumerate(order(rounds)):
        home = folder / f"rl-{number}-{arm}"
        command = RLLaunch(
            settings=settings, evaluation=EvalSettings(), model_path=MODEL, base_model=None, train_files=(file,),
            val_files=(file,), output_dir=home, validation_dir=home / "validation", rollout_dir=home / "rollouts",
            seed=1, platform="cpu",
        ).command()  # fmt: skip
        if arm == "stock":
            sampler = "trainer.v1.sampler.custom_sampler"
            buffer = [
                f"{sampler}.path={Path(__file__).parent / 'stock_replay_buffer.py'}",
                f"{sampler}.name=StockBuffer",
            ]
            command = replace(command, argv=[*as_stock(command.argv, "int_grpo", "ppo_trainer", "cpu_grpo"), *buffer])
        run_trainer(command)
        metrics = read_metrics(command.output_dir)[WARM_UP:]
        timings[arm] += [{part: row.get(f"timing_s/{part}", 0.0) for part in PARTS} for row in metrics]
        rewards[arm] += [row["critic/score/mean"] for row in metrics]
        shutil.rmtree(command.output_dir)
        print(f"RL, {arm}: {np.median([row['timing_s/step'] for row in metrics]):.2f} s a step", flush=True)
    table = Table(
        title=f"RL: 16 prompts x 8 rollouts, {len(timings['ours'])} steps of each",
        caption=f"mean rewards {np.mean(rewards['ours']):.4f} and {np.mean(rewards['stock']):.4f}",
    )
    both = {part: tuple(np.array([row[part] for row in timings[arm]]) for arm in ("ours", "stock")) for part in PARTS}
    add_ratio(table, {part: pair for part, pair in both.items() if pair[1].any()})
    return table


class StepClock:
    """Notes when each step's line comes into verl's metrics file, to some milliseconds."""

    def __init__(self, file: Path) -> None:
        self.file, self.times = file, list[float]()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> StepClock:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def seconds(self) -> list[float]:
        """Between each step and the one before."""
        return [later - earlier for earlier, later in pairwise(self.times)]

    def _watch(self) -> None:
        seen = 0
        while not self._over.wait(0.005):
            if self.file.is_file() and self.file.stat().st_size > seen:
                content = self.file.read_bytes()
                self.times += [time.monotonic()] * content.count(b"\n", seen)
                seen = len(content)


def add_ratio(table: Table, values: Mapping[str, tuple[Floats, Floats]]) -> None:
    """Rows with both medians and their ratio; `values` are seconds of ours and of stock by what they are of."""
    for head in ("", "ours, s", "stock, s", "ratio", "95 %"):
        table.add_column(head, justify="left" if not head else "right")
    for what, (ours, stock) in values.items():
        low, high = interval(ours, stock)
        ratio = np.median(ours) / np.median(stock)
        table.add_row(what, *(f"{np.median(x):.3f}" for x in (ours, stock)), f"{ratio:.3f}", f"{low:.3f}-{high:.3f}")


def interval(ours: Floats, stock: Floats) -> tuple[float, float]:
    """95 % bootstrap interval of the ratio of two medians."""
    rng = np.random.default_rng(0)
    a, b = (np.median(rng.choice(values, (10_000, len(values))), axis=1) for values in (ours, stock))
    low, high = np.quantile(a / b, (0.025, 0.975))
    return float(low), float(high)


def as_stock(arguments: list[str], ours: str, primary: str, fragment: str) -> list[str]:
    """Our command with verl's primary: what our primary sets, but for int_verl's own parts, becomes overrides."""
    mine = flatten(as_dict(CONFIGS / f"{ours}.yaml"))
    of_the_platform = flatten(as_dict(CONFIGS / "int" / f"{fragment}.yaml"))
    values = [
        f"++{key}={_in_hydra(value)}"
        for key, value in mine.items()
        if key != "defaults" and key not in of_the_platform and not key.startswith(OURS)
    ]
    position = arguments.index(ours)
    rest = [argument for argument in arguments[position + 1 :] if not argument.startswith(OURS)]
    return [*arguments[:position], primary, *values, *rest]


def as_dict(file: Path) -> dict[str, Any]:
    values = OmegaConf.to_container(OmegaConf.load(file), resolve=False)
    assert isinstance(values, dict)
    return {str(key): value for key, value in values.items()}


def _in_hydra(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ",".join(map(_in_hydra, value)) + "]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def problems(count: int) -> list[Problem]:
    return problem_sets()["train"][:count]


def write_sft_rows(file: Path, count: int) -> None:
    """Whole solutions, as token ids for ours and as messages for stock: the same tokens, trained alike."""
    codec = ChatCodec(MODEL)
    rows = []
    for problem in problems(count):
        prompt, solution = solve_prompt(problem), own_solution(problem, problem.values)
        messages = [{"role": "user", "content": prompt}, {"role": "assistant", "content": solution}]
        prompt_ids = list(codec.prompt_ids(prompt))
        whole = codec.encode(codec.tokenizer.apply_chat_template(messages, tokenize=False))
        assert whole[: len(prompt_ids)] == prompt_ids
        token_ids = whole[len(prompt_ids) :]
        rows.append({"prompt_ids": prompt_ids, "prefix_ids": [], "intervention_ids": token_ids, "messages": messages})
    schema = {name: pa.list_(pa.int32()) for name in ("prompt_ids", "prefix_ids", "intervention_ids")}
    columns = {name: pa.array([row[name] for row in rows], type=kind) for name, kind in schema.items()}
    pq.write_table(pa.table({**columns, "messages": [row["messages"] for row in rows]}), file)


def write_rl_rows(file: Path, count: int) -> None:
    rows = [
        {
            "data_source": "lighteval/MATH",
            "prompt": [{"role": "user", "content": solve_prompt(problem)}],
            "ability": "math",
            "reward_model": {"style": "rule", "ground_truth": str(problem.answer)},
            "extra_info": {"index": index, "id": str(index)},
        }
        for index, problem in enumerate(problems(count))
    ]
    pq.write_table(pa.Table.from_pylist(rows), file)


if __name__ == "__main__":
    main()
