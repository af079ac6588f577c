"""One run: its checked settings, and the parts that its stages are made of. Everything heavy is loaded when first used.

Stages do not see a `Run`: `int_verl.stages.assemble` gives each the parts that it uses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from omegaconf import DictConfig, OmegaConf

from int_verl.console import SafeConsole
from int_verl.errors import UserError
from int_verl.generate.model import LocalModel
from int_verl.run.folder import RunFolder, check_is_run
from int_verl.run.problem_sets import ProblemSets
from int_verl.run.shards import Shard
from int_verl.run_files import CONFIG
from int_verl.settings.compose import checked, load_yaml, section
from int_verl.settings.engine import EngineSettings
from int_verl.settings.environment import plain
from int_verl.settings.sections import defaults
from int_verl.settings.training import RLSettings

if TYPE_CHECKING:
    from int_verl.generate.engines.journaled import JournaledEngine
    from int_verl.generate.journal import Journal
    from int_verl.generate.prompts import Prompts
    from int_verl.grading import BaseGrader

Platform = Literal["cpu", "gpu"]


@dataclass(frozen=True, slots=True)
class Policy:
    """A model that completions can be drawn from.

    Args:
        settings: of the engine that draws them.
        max_tokens: the fewest and the most tokens that a request of this run may ask for.
    """

    model: LocalModel
    settings: EngineSettings
    max_tokens: tuple[int, int]
    platform: Platform

    def open(self, journal: Journal, say: Callable[[str], None]) -> JournaledEngine:
        """A new engine behind a journal; it starts at the first request that is not in there.

        Args:
            say: called with what the user should know of the engine.
        """
        from int_verl.generate.engines.make import make_engine

        return make_engine(self.settings, self.model, self.max_tokens, self.platform, journal, say)

    def of_model(self, model: LocalModel, rl: RLSettings) -> Policy:
        """The same, or another model that the run has trained: servers by URL have this alone, RL's GPUs all others."""
        settings = self.settings
        if settings.name == "openai" and model != self.model:
            gpus = {name: getattr(rl, name) for name in ("nnodes", "gpus_per_node", "tensor_parallel")}
            settings = replace(settings, name="verl", **gpus)
        return replace(self, model=model, settings=settings)


class Run:
    """The settings of a run, and the parts that follow from them.

    Args:
        config: the composed configuration (`int_verl.settings.compose.compose`).
        console: where the run speaks.

    Raises:
        UserError: a setting of the wrong type.
    """

    def __init__(self, config: DictConfig, console: SafeConsole) -> None:
        self.console, self.settings = console, checked(config)
        settings = self.settings.run
        self.folder = RunFolder(Path(settings.dir))
        day = settings.date or self.folder.first_day() or date.today().isoformat()
        self.today = date.fromisoformat(day)
        dated = OmegaConf.merge(config, {"run": {"date": day}})
        assert isinstance(dated, DictConfig)
        self.config = dated
        shard = None if settings.shard is None else Shard.parse(settings.shard)
        self.problems = ProblemSets(self.settings.problems, shard, self.settings.turns.environment is not None)

    @cached_property
    def platform(self) -> Platform:
        if self.settings.platform == "auto":
            from int_verl.doctor import has_nvidia

            return "gpu" if has_nvidia() else "cpu"
        return self.settings.platform

    @cached_property
    def model(self) -> LocalModel:
        """The base model."""
        settings, written = self.settings, plain(self.config, "model.path")
        longest = settings.engine.context_length
        return LocalModel(settings.model.path, longest=longest, written=written, today=self.today)

    @cached_property
    def policy(self) -> Policy:
        """The base model and its engine."""
        return Policy(self.model, self.settings.engine, self._max_tokens, self.platform)

    @cached_property
    def proposer(self) -> Policy | None:
        """Who else proposes, with the engine's settings where its own say nothing; None: the base model in its engine.

        Without a path of its own it is the base model in another engine, or a program with the base's tokenizer.
        """
        settings = self.settings.proposer
        unknown = sorted(set(settings.engine) - set(self.config.engine))
        if unknown:
            raise UserError(f"proposer.engine.{unknown[0]}: no such key; it has those of engine")
        if settings.path is None and not settings.engine:
            return None
        config = OmegaConf.merge(self.config, {"engine": settings.engine})
        assert isinstance(config, DictConfig)
        engine = section(config, "engine", EngineSettings)
        if engine.name == "openai":
            engine.check_servers()
        key = "model.path" if settings.path is None else "proposer.path"
        program = engine.script if engine.name == "scripted" else None
        model = LocalModel(
            settings.path or self.settings.model.path,
            key,
            engine.context_length,
            plain(self.config, key),
            self.today,
            program,
        )
        return Policy(model, engine, self._max_tokens, self.platform)

    @property
    def _max_tokens(self) -> tuple[int, int]:
        settings = self.settings
        first_turn = settings.propose.guided_solution_sampling or settings.propose.sampling
        samplings = [settings.sample.sampling, settings.propose.sampling, first_turn, settings.guide.sampling]
        limits = [*(sampling.max_tokens for sampling in samplings), settings.rl.max_response_length]
        return min(limits), max(limits)

    @cached_property
    def prompts(self) -> Prompts:
        from int_verl.generate.prompts import load_prompts

        named = self.settings.prompts
        cases = self.settings.turns.environment is not None
        return load_prompts(named.solve, named.guided_solution, named.verify, named.hint, cases)

    def grader(self) -> BaseGrader:
        """A new grader with the run's settings, to be closed by the caller; a reward function where one is named."""
        from int_verl.grading import Grader
        from int_verl.grading.reward_function import RewardFunction

        settings = self.settings.grader
        if settings.reward_path is None:
            return Grader(workers=settings.workers, timeout=settings.timeout, decimals=settings.decimals)
        return RewardFunction(
            settings.reward_path,
            settings.reward_name,
            settings.reward_kwargs,
            workers=settings.workers,
            timeout=settings.timeout,
            memory_gb=settings.reward_memory_gb,
            warn=lambda message: self.console.print(message),
        )

    def try_parts(self) -> None:
        """Make what a run would make first, as far as that starts nothing and downloads nothing.

        Raises:
            UserError: a file or a function that the settings name is not there.
        """
        self.grader().close()
        for policy in (self.policy, self.proposer):
            if policy is not None and policy.settings.name == "scripted":
                from int_verl.generate.engines.make import scripted_engine

                scripted_engine(policy.settings)


def run_in(folder: Path, console: SafeConsole) -> Run:
    """The run in a folder, wherever it lies now, with the settings that it remembers.

    Settings that an earlier version did not have are at their defaults.

    Raises:
        UserError: the folder holds none.
    """
    check_is_run(folder)
    config = OmegaConf.merge(defaults(), load_yaml(folder / CONFIG), {"run": {"dir": str(folder)}})
    assert isinstance(config, DictConfig)
    return Run(config, console)
