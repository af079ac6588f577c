"""One run: its settings, its folder, and what its stages share. Everything heavy is loaded when first asked for."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from int_verl.errors import UserError
from int_verl.problems.sets import ProblemSet
from int_verl.run.folder import RunFolder
from int_verl.run.shards import Shard
from int_verl.settings.compose import (
    BaselineSettings,
    EngineSettings,
    EvalSettings,
    GraderSettings,
    ProblemSettings,
    ProposerSettings,
    RLSettings,
    RunSettings,
    SFTSettings,
    section,
)
from int_verl.settings.generation import (
    GeneratorSettings,
    GuideSettings,
    ProposeSettings,
    SampleSettings,
    SelectSettings,
    StepSettings,
    Until,
)
from int_verl.settings.sft_data import SFTDataSettings
from int_verl.stages.estimate import EstimateSettings

if TYPE_CHECKING:
    from int_verl.generate.chat import ChatCodec
    from int_verl.generate.engines.base import Engine
    from int_verl.generate.engines.journaled import JournaledEngine
    from int_verl.generate.journal import Journal
    from int_verl.generate.prompts import Prompts
    from int_verl.grading import BaseGrader

Platform = Literal["cpu", "gpu"]
T = TypeVar("T")

# A folder keeps to one model and one problem set; for others, another folder.
IDENTITY = ("model.path", "problems.train", "problems.heldout")


class Run:
    """Checked settings and lazily loaded parts of one run.

    Args:
        config: the composed configuration (`int_verl.settings.compose.compose`).
        console: where the run speaks.
        model_key: the user's setting that `model.path` has its value from.

    Raises:
        UserError: a setting of the wrong type.
    """

    def __init__(self, config: DictConfig, console: Console, model_key: str = "model.path") -> None:
        self.config, self.console, self._model_key = config, console, model_key
        settings = section(config, "run", RunSettings)
        self.folder = RunFolder(Path(settings.dir))
        self.seed = settings.seed
        self.shard = None if settings.shard is None else Shard.parse(settings.shard)
        "The share of the training problems that the generator takes; None: all of them."
        self.until: Until = "guide"
        "The last generator stage that is wanted; the dataflow runs up to it at once."
        self.problem_settings = section(config, "problems", ProblemSettings)
        self.baseline = section(config, "baseline", BaselineSettings)
        self.proposer_settings = section(config, "proposer", ProposerSettings)
        self.estimate = section(config, "estimate", EstimateSettings)
        self.engine_settings = section(config, "engine", EngineSettings)
        self.grader_settings = section(config, "grader", GraderSettings)
        self.steps = section(config, "steps", StepSettings)
        self.sample = section(config, "sample", SampleSettings)
        self.propose = section(config, "propose", ProposeSettings)
        self.guide = section(config, "guide", GuideSettings)
        self.select = section(config, "select", SelectSettings)
        self.sft_data = section(config, "sft_data", SFTDataSettings)
        self.sft = section(config, "sft", SFTSettings)
        self.rl = section(config, "rl", RLSettings)
        self.eval = section(config, "eval", EvalSettings)

    @cached_property
    def platform(self) -> Platform:
        asked = str(self.config.platform)
        if asked not in ("auto", "cpu", "gpu"):
            raise UserError(f"platform={asked}: expected auto, cpu or gpu")
        if asked == "auto":
            from int_verl.doctor import has_nvidia

            return "gpu" if has_nvidia() else "cpu"
        return "gpu" if asked == "gpu" else "cpu"

    @cached_property
    def proposer(self) -> Run | None:
        """The proposer as a run of its own, with the same settings otherwise; None: the model proposes itself."""
        settings = self.proposer_settings
        unknown = sorted(set(settings.engine) - set(self.config.engine))
        if unknown:
            raise UserError(f"proposer.engine.{unknown[0]}: no such key; it has those of engine")
        if settings.path is None:
            return None
        config = OmegaConf.merge(self.config, {"model": {"path": settings.path}, "engine": settings.engine})
        assert isinstance(config, DictConfig)
        return Run(config, self.console, "proposer.path")

    @cached_property
    def train(self) -> ProblemSet:
        """All training problems, whatever the shard."""
        return self._problems("train", need_reference=True)

    @cached_property
    def heldout(self) -> ProblemSet:
        """Raises UserError if a held-out problem is also a training problem."""
        heldout = self._problems("heldout", need_reference=False)
        row = heldout.row_also_in(self.train)
        if row is not None:
            problem = next(islice(heldout, row - 1, None))
            raise UserError(
                f"{self.config.problems.heldout}: row {row} ({problem.id}) is also a training problem; remove it"
            )
        return heldout

    def _problems(self, split: str, need_reference: bool) -> ProblemSet:
        settings = self.problem_settings
        file, limit = getattr(settings, split), getattr(settings, f"{split}_limit")
        return ProblemSet(file, {str(ours): theirs for ours, theirs in settings.columns.items()}, limit, need_reference)

    @property
    def share_size(self) -> int:
        """How many training problems the generator takes."""
        return self.shard.size(len(self.train)) if self.shard else len(self.train)

    def share(self, problems: Iterable[T]) -> Iterable[T]:
        """Of the training problems, or a number for each, those that the generator takes."""
        return self.shard.share(problems) if self.shard else problems

    @cached_property
    def model_folder(self) -> Path:
        from int_verl.generate.chat import local_model

        return local_model(str(self.config.model.path), key=self._model_key)

    @property
    def model_in_plan(self) -> Path:
        """`model_folder`, but the hub name of a model that is not on this machine: a plan downloads nothing."""
        from int_verl.generate.chat import local_model

        return local_model(str(self.config.model.path), download=False, key=self._model_key)

    @cached_property
    def model_parts(self) -> dict[str, str]:
        """Hashes of the weights, the configuration and the tokenizer."""
        from int_verl.generate.chat import model_parts

        return model_parts(self.model_folder)

    @cached_property
    def model_revision(self) -> str:
        from int_verl.generate.chat import revision_of

        return revision_of(self.model_parts)

    @cached_property
    def codec(self) -> ChatCodec:
        from int_verl.generate.chat import ChatCodec

        return ChatCodec(self.model_folder)

    @cached_property
    def prompts(self) -> Prompts:
        from int_verl.generate.prompts import load_prompts

        section = self.config.prompts
        return load_prompts(solve=section.solve, guided_solution=section.guided_solution, verify=section.verify)

    @property
    def generator_settings(self) -> GeneratorSettings:
        return GeneratorSettings(
            seed=self.seed,
            model=str(self.config.model.path),
            model_revision=self.model_revision,
            context_length=self.context_length,
            in_flight=self.engine_settings.in_flight,
            sample=self.sample,
            propose=self.propose,
            guide=self.guide,
            select=self.select,
            steps=self.steps,
        )

    @cached_property
    def context_length(self) -> int:
        import json

        file = self.model_folder / "config.json"
        try:
            from_model = json.loads(file.read_text()).get("max_position_embeddings")
        except ValueError as error:
            raise UserError(f"{file}: not JSON ({error})") from error
        limits = [limit for limit in (self.engine_settings.context_length, from_model) if limit]
        if not limits:
            raise UserError("engine.context_length is not set and the model's config.json does not say; set it")
        return int(min(limits))

    @property
    def _max_tokens(self) -> list[int]:
        first_turn = self.propose.guided_solution_sampling or self.propose.sampling
        stages = [self.sample.sampling, self.propose.sampling, first_turn, self.guide.sampling]
        return [*(sampling.max_tokens for sampling in stages), self.rl.max_response_length]

    def journaled_engine(self, journal: Journal) -> JournaledEngine:
        """A new engine for the base model behind a journal; it starts at the first request that is not in there."""
        from int_verl.generate.engines.journaled import JournaledEngine

        settings = self.engine_settings
        return JournaledEngine(
            self.engine(),
            journal,
            self.model_revision,
            settings.in_flight,
            ordering=settings.ordering,
            timeout=settings.timeout,
            retries=settings.retries,
        )

    def engine(self) -> Engine:
        """A new engine for the base model; not started yet."""
        settings = self.engine_settings
        if settings.name == "scripted":
            from int_verl.generate.engines.scripted import ScriptedEngine, load_script

            if settings.script is None:
                raise UserError("engine.script is not set; engine.name=scripted needs path/to/file.py:function")
            return ScriptedEngine(load_script(settings.script), settings.delay)
        if settings.name == "openai":
            return self._openai_engine()
        from int_verl.doctor import require_verl
        from int_verl.generate.engines.verl import VerlEngine

        require_verl()
        return VerlEngine(
            self.model_folder,
            prompt_length=self.context_length - min(self._max_tokens),
            response_length=max(self._max_tokens),
            platform=self.platform,
            nnodes=settings.nnodes,
            gpus_per_node=settings.gpus_per_node,
            tensor_parallel=settings.tensor_parallel,
            gpu_memory_utilization=settings.gpu_memory_utilization if self.platform == "gpu" else None,
            # Any prompt and completion that fit together, not only the longest of each side by side.
            overrides=(f"actor_rollout_ref.rollout.max_model_len={self.context_length}", *settings.overrides),
        )

    def _openai_engine(self) -> Engine:
        import os

        from int_verl.generate.engines.openai import OpenAIEngine

        settings = self.engine_settings
        urls = settings.base_urls
        if not urls or len(set(urls)) < len(urls):
            raise UserError(
                f"engine.base_urls={list(urls)}: engine.name=openai needs one or more URLs, no two alike, such as "
                "[http://node1:8000/v1]"
            )
        api_key = None
        if settings.api_key_env is not None:
            api_key = os.environ.get(settings.api_key_env)
            if not api_key:
                raise UserError(f"engine.api_key_env={settings.api_key_env}: this environment variable is not set")
        return OpenAIEngine(
            urls,
            settings.model or str(self.config.model.path),
            context_length=self.context_length,
            api_key=api_key,
            api_key_env=settings.api_key_env,
            concurrency=settings.concurrency or -(-settings.in_flight // len(urls)),
            give_up_after=settings.give_up_after,
        )

    def try_parts(self) -> None:
        """Make what a run would make first, as far as that starts nothing and downloads nothing.

        Raises:
            UserError: a file or a function that the settings name is not there.
        """
        self.grader().close()
        if self.engine_settings.name == "scripted":
            self.engine()

    def grader(self) -> BaseGrader:
        """A new grader with the run's settings, to be closed by the caller; a reward function where one is named."""
        from int_verl.grading import Grader
        from int_verl.grading.reward_function import RewardFunction

        settings = self.grader_settings
        if settings.reward_path is None:
            return Grader(workers=settings.workers, timeout=settings.timeout)
        return RewardFunction(
            settings.reward_path,
            settings.reward_name,
            settings.reward_kwargs,
            workers=settings.workers,
            timeout=settings.timeout,
            warn=lambda message: self.console.print(message, highlight=False, markup=False),
        )
