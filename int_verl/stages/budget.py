"""What the stages of a run will take, before any of them begins: hours, money, memory and disk. Nothing is measured.

Hours are tokens by what the user says that one GPU does in a second (`estimate`), memory and disk `footprint.py`'s.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow.parquet as pq

from int_verl.generate.model_size import ModelSize
from int_verl.run.run import Run
from int_verl.run_files import BASELINE_ROWS, KEPT
from int_verl.settings.generation import UNTIL, EstimateSettings
from int_verl.stages.assemble import Stages
from int_verl.stages.estimate import PAPER_TOKENS, Known, Line, estimate, known_from
from int_verl.stages.footprint import GIB, Footprint, rl_footprint, servers_footprint, sft_footprint
from int_verl.stages.online_estimate import online_tokens
from int_verl.trainers.precision import Precision

WAITING = 2.0
"RL's rollouts take so many times their tokens' time, for a step waits for its longest; assumed."
OLD_PROBABILITIES = 1.25
"RL trains on a token for so many times as long as SFT: 10 FLOP a parameter in the place of 8."
INTERVENTION_TOKENS = 500
"Of a row of SFT, beside half an attempt: its problem and the intervention; assumed."
ASSUMED_GPU_GIB = 80.0


@dataclass(frozen=True, slots=True)
class StageBudget:
    """What one stage takes."""

    name: str
    gpus: int
    generated: float
    "Tokens that are drawn, those of waiting GPUs included."
    trained: float
    "Tokens that are trained on, in passes of SFT's cost."
    footprint: Footprint | None
    "None: the model's size is not known."

    def gpu_hours(self, settings: EstimateSettings) -> float | None:
        """None: the user has not said what a GPU does in a second."""
        hours = 0.0
        for tokens, speed in (
            (self.generated, settings.tokens_per_second),
            (self.trained, settings.trained_tokens_per_second),
        ):
            if tokens and speed is None:
                return None
            hours += tokens / speed / 3600 if speed else 0.0
        return hours


@dataclass(frozen=True, slots=True)
class Budget:
    """What a run takes."""

    stages: tuple[StageBudget, ...]
    size: ModelSize | None
    gpu_memory: float
    "Of one GPU, in bytes."
    is_gpu_known: bool
    "Whether that is this machine's or the user's; else it is assumed."

    @property
    def disk(self) -> float:
        """Bytes in the run's folder at most, from stage to stage."""
        before = most = 0.0
        for needs in (stage.footprint for stage in self.stages if stage.footprint):
            before += sum(needs.disk.values())
            most = max(most, before + needs.passing)
        return most


def gpu_memories() -> list[float]:
    """Bytes of every GPU of this machine, as nvidia-smi says; asks neither torch nor verl."""
    query = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(query, capture_output=True, text=True, timeout=30).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [float(line) * 2**20 for line in said.split("\n") if line.strip().isdigit()]


def budget_of(run: Run, names: Sequence[str]) -> Budget:
    """What the stages of these names take."""
    folder, here = run.model.folder_in_plan, gpu_memories()
    size = ModelSize.of(folder) if (folder / "config.json").is_file() else None
    said = run.settings.estimate.gpu_memory_gib
    memory = said * GIB if said else min(here, default=ASSUMED_GPU_GIB * GIB)
    work = _Work.of(run)
    stages = [
        StageBudget(name, _gpus(run, name), work.generated(name), work.trained(name), found)
        for name in names
        if name != "report"
        for found in [None if size is None else _footprint(run, name, size, memory, folder, work.generated(name))]
    ]
    return Budget(tuple(stages), size, memory, bool(said or here))


def _gpus(run: Run, name: str) -> int:
    settings = run.settings
    if name == "sft":
        return settings.sft.gpus_per_node
    section = settings.rl if name.startswith("rl") else settings.engine
    return section.nnodes * section.gpus_per_node


def _footprint(run: Run, name: str, size: ModelSize, memory: float, folder: Path, tokens: float) -> Footprint:
    settings = run.settings
    if name == "sft":
        return sft_footprint(size, settings.sft, run.platform)
    if name.startswith("rl"):
        exported = 0 if Precision.of(folder).usual == "F32" else 2
        return rl_footprint(size, settings.rl, run.platform, memory, exported)
    return servers_footprint(size, settings.engine, run.platform, memory, tokens, name in UNTIL)


@dataclass(frozen=True, slots=True)
class _Work:
    """Tokens of every stage, by what is known or assumed of the funnel."""

    run: Run
    known: Known
    lines: Sequence[Line]

    @classmethod
    def of(cls, run: Run) -> _Work:
        flow = Stages(run).dataflow
        known = replace(known_from(run.folder.path), given=flow.given().counts)
        asked = flow.settings
        problems, tokens = run.problems.share_size, run.settings.estimate.completion_tokens
        lines = estimate(problems, "guide", asked.sample, asked.propose, asked.guide, known, tokens)
        return cls(run, known, lines)

    @property
    def mean(self) -> float:
        """Tokens of an attempt."""
        settings = self.run.settings
        mean = settings.estimate.completion_tokens or self.known.tokens.get("attempts") or PAPER_TOKENS
        return min(mean, settings.rl.max_response_length)

    @property
    def rows(self) -> float:
        """Of SFT."""
        settings = self.run.settings
        for file in (BASELINE_ROWS if settings.sft_data.is_made else KEPT, KEPT):
            if (self.run.folder / file).is_file():
                return float(pq.read_metadata(self.run.folder / file).num_rows)
        drawn = next((line.requests for line in self.lines if line.what == "proposals"), 0.0)
        interventions = (drawn or self.known.given.get("proposals", 0)) * self.known.rates.proposed
        kept = interventions * (self.known.rates.successful if settings.select.need_success else 1.0)
        one_each = settings.select.interventions == "one_per_problem"
        return min(kept, self.run.problems.share_size) if one_each else kept

    @property
    def evaluated(self) -> int:
        """Problems of an evaluation."""
        return len(self.run.problems.heldout) + min(self.run.settings.eval.hard_limit, len(self.run.problems.train))

    @property
    def rollouts(self) -> int:
        """Of RL."""
        rl = self.run.settings.rl
        return rl.total_steps * rl.prompts_per_step * rl.rollouts

    @property
    def _validated(self) -> int:
        """Samples of RL's own validations."""
        rl = self.run.settings.rl
        times = rl.val_before_train + rl.total_steps // (rl.test_freq or rl.total_steps)
        return times * self.evaluated * rl.val_samples

    @property
    def _models(self) -> int:
        """Those that the evaluation draws from: the base model, and where RL's validation is not enough all others."""
        settings = self.run.settings
        trained = 3 if settings.baseline.rl else 2
        return 1 if settings.rl.val_samples == settings.eval.samples else 1 + trained

    def generated(self, name: str) -> float:
        settings = self.run.settings
        if name in UNTIL:
            return sum(line.tokens for line in self.lines if line.stage == name)
        if name == "sft_data":
            return self.rows * self.mean if settings.sft_data.kind == "self_reflection" else 0.0
        if name in ("rl", "rl_baseline"):
            drawn = self.rollouts * self.mean + online_tokens(settings.rl, settings.propose, self.known, self.mean)
            return WAITING * drawn + self._validated * self.mean
        if name == "ending":
            problems = min(settings.sft.ending_problems, len(self.run.problems.heldout))
            return 2 * problems * settings.sft.ending_samples * self.mean
        return self._models * self.evaluated * settings.eval.samples * self.mean if name == "eval" else 0.0

    def trained(self, name: str) -> float:
        if name == "sft":
            return self.rows * self.run.settings.sft.epochs * (self.mean / 2 + INTERVENTION_TOKENS)
        return OLD_PROBABILITIES * self.rollouts * self.mean if name in ("rl", "rl_baseline") else 0.0
