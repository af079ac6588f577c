"""The three generator stages. They are one dataflow: whichever is asked for, it runs from the problems up to there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from int_verl.console import SafeConsole
from int_verl.errors import UserError
from int_verl.files import file_hash
from int_verl.progress import StageProgress
from int_verl.ray_cluster import check_cluster, which_ray
from int_verl.run.stage import Stage
from int_verl.run_files import ATTEMPTS, CARD, PROPOSALS, RL_ROWS, TABLES
from int_verl.settings.generation import WITH_HINT, Until
from int_verl.stages.dataflow import Dataflow
from int_verl.stages.preview import show_estimate, show_fit, show_prompts

# What the rows of every generator stage depend on.
_GENERATOR_SETTINGS = (
    "run.seed",
    "run.shard",
    "model.path",
    "engine.name",
    "engine.script",
    "engine.tokens",
    "engine.context_length",
    "problems.train",
    "problems.columns",
    "problems.train_limit",
    "grader.decimals",
    "grader.reward_path",
    "grader.reward_name",
    "grader.reward_kwargs",
    "steps",
)


def _given_file(name: str, file: str | None) -> dict[str, str]:
    return {name: file_hash(Path(file).expanduser())} if file else {}


class GenerationStage(Stage):
    """A generator stage; executing it makes the tables of every stage up to the last that is wanted."""

    name: Until
    counts_events: ClassVar[str | None] = "problems"
    fixed: ClassVar[tuple[str, ...]] = ("weights", "configuration", "tokenizer")
    indifferent: ClassVar[tuple[str, ...]] = ("sample.attempts_from", "propose.interventions_from")

    def __init__(self, dataflow: Dataflow) -> None:
        self.dataflow = dataflow

    def inputs(self) -> dict[str, str]:
        flow = self.dataflow
        reward = Path(flow.grader.reward_path or "")
        return {
            "problems": flow.problems.train.digest,
            **flow.policy.model.parts,
            **flow.date(),
            **({"reward": file_hash(reward)} if reward.is_file() else {}),
            **_given_file("given attempts", flow.settings.sample.attempts_from),
            **flow.of_conversations(),
        }

    def outputs(self) -> dict[str, str]:
        return {table: file for table, (file, _) in TABLES[self.name].items()}

    def check(self) -> None:
        self.dataflow.given()
        self.dataflow.check_conversations()

    def check_problems(self, progress: StageProgress) -> None:
        self.dataflow.problem_check.look(progress)

    def check_host(self) -> None:
        for nnodes in self._nodes_of_servers():
            check_cluster(nnodes)

    def which_ray(self) -> str | None:
        return which_ray() if self._nodes_of_servers() else None

    def _nodes_of_servers(self) -> list[int]:
        """`nnodes` of every engine that is verl's own servers."""
        policies = [policy for policy in (self.dataflow.policy, self.dataflow.proposer) if policy]
        return [policy.settings.nnodes for policy in policies if policy.settings.name == "verl"]

    def goes_on(self, counts: Mapping[str, Any]) -> str | None:
        requests = counts.get("requests", {})
        again = requests.get("lost", 0) - requests.get("lost_for_good", 0)
        return f"{again} lost requests are tried once more" if again else None

    def total(self) -> int:
        return self.dataflow.problems.share_size

    def execute(self, progress: StageProgress) -> dict[str, dict[str, Any]]:
        return self.dataflow.run(progress)

    def plan(self) -> list[str]:
        policy = self.dataflow.policy
        engine = f"engine {policy.settings.name} on {policy.platform}, {policy.settings.places} requests in flight"
        return [f"{self.size()}; {engine}"]

    def size(self) -> str:
        """How much is to be drawn."""
        raise NotImplementedError

    def preview(self, console: SafeConsole) -> None:
        flow, settings, engine = self.dataflow, self.dataflow.settings, self.dataflow.policy.settings
        by, two_turns = settings.steps.by, settings.propose.two_turns
        show_prompts(console, flow.folder, flow.problems.train, flow.prompts, by, two_turns, self.name)
        gpus = engine.nnodes * engine.gpus_per_node
        given = flow.given().counts
        show_estimate(console, flow.folder, flow.problems.share_size, self.name, settings, flow.estimate, gpus, given)
        if self.name != "sample" and "proposals" not in given:
            proposer = (flow.proposer or flow.policy).model
            show_fit(console, flow.folder, flow.problems.train, flow.prompts, settings, flow.estimate, proposer)


class SampleStage(GenerationStage):
    name = "sample"
    does = "draw attempts and grade them"
    reads = ()
    depends_on = (*_GENERATOR_SETTINGS, "prompts.solve", "sample")

    def inputs(self) -> dict[str, str]:
        return super().inputs() | {"prompts": self.dataflow.prompts.solve_version}

    def check(self) -> None:
        super().check()
        settings, shard = self.dataflow.settings.sample, self.dataflow.problems.shard
        if not settings.attempts and (settings.attempts_from is None or shard is not None):
            remedy = "name a file of attempts with sample.attempts_from, and generate without run.shard"
            raise UserError(f"sample.attempts=0: nothing is drawn; {remedy}")

    def size(self) -> str:
        settings = self.dataflow.settings.sample
        attempts = f"{self.dataflow.problems.share_size} problems x {settings.attempts} attempts"
        given = settings.attempts_from
        return f"{attempts}, drawn for those that have none in {given}" if given else attempts


class ProposeStage(GenerationStage):
    name = "propose"
    does = "have the model find the first error of its incorrect attempts and write a better step"
    reads = ("sample",)
    depends_on = (
        *_GENERATOR_SETTINGS,
        "prompts",
        "propose",
        "proposer.path",
        "proposer.engine.context_length",
        "proposer.engine.tokens",
    )

    def inputs(self) -> dict[str, str]:
        flow = self.dataflow
        return {
            **super().inputs(),
            "attempts": file_hash(flow.folder / ATTEMPTS),
            **({"proposer": flow.proposer.model.revision} if flow.proposer else {}),
            **_given_file("given interventions", flow.settings.propose.interventions_from),
            "prompts": flow.prompts.verify_version,
        }

    def check(self) -> None:
        super().check()
        if self.dataflow.proposer is not None:
            _ = self.dataflow.proposer.model.folder_in_plan

    def size(self) -> str:
        settings = self.dataflow.settings.propose
        first = ", after a guided solution a problem" if settings.two_turns else ""
        proposals = f"{settings.proposals} proposals an incorrect attempt{first}"
        given = settings.interventions_from
        return f"{proposals}, asked for where {given} has none" if given else proposals


class GuideStage(GenerationStage):
    name = "guide"
    does = "continue from every intervention and keep those that can lead to the answer"
    reads = ("propose",)
    depends_on = (*_GENERATOR_SETTINGS, "guide", "select")

    def inputs(self) -> dict[str, str]:
        flow = self.dataflow
        proposals = file_hash(flow.folder / PROPOSALS)
        hinted = any(control in WITH_HINT for control in flow.settings.guide.controls)
        hint = {"hint": flow.prompts.hint_prompt.version} if hinted else {}
        return {**super().inputs(), "proposals": proposals, "prompts": flow.prompts.verify_version, **hint}

    def check(self) -> None:
        super().check()
        if not self.dataflow.settings.guide.rollouts and self.dataflow.settings.select.need_success:
            raise UserError(
                "guide.rollouts=0: no intervention can have a success; set select.need_success=false, too, "
                "which keeps every intervention"
            )

    def outputs(self) -> dict[str, str]:
        release = {} if self.dataflow.problems.shard else {"rl": RL_ROWS, "card": CARD}
        return super().outputs() | release

    def size(self) -> str:
        settings = self.dataflow.settings.guide
        controls = f", with controls {', '.join(settings.controls)}" if settings.controls else ""
        return f"{settings.rollouts} guided rollouts an intervention{controls}"
