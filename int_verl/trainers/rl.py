"""RL as one exact command of verl's stock trainer.

python -m verl.trainer.main_ppo --config-name int_grpo [+int=cpu_grpo] data.train_files=... ...
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from int_verl.errors import UserError
from int_verl.generate.tensors import tensors_of
from int_verl.hydra_overrides import last_value, literal
from int_verl.ray_cluster import loopback_environment
from int_verl.settings.engine import batched_tokens, executor_on_a_cpu
from int_verl.settings.evaluation import EvalSettings
from int_verl.settings.training import RLSettings
from int_verl.trainers.checkpoint import check_model
from int_verl.trainers.export import check_export
from int_verl.trainers.hang import Patience, SettingUp
from int_verl.trainers.launch import THREADS, Launch, cpu_environment
from int_verl.trainers.phases import RL_PHASES, Phase
from int_verl.trainers.process import TrainerCommand
from int_verl.trainers.reward import check_reward, reward_settings
from int_verl.trainers.rl_ray import RLRay
from int_verl.trainers.transfer_queue import UNITS, TransferQueue
from int_verl.trainers.verl_folder import checkpointed_step

TRUNCATED = {
    "algorithm.rollout_correction.bypass_mode": True,
    "actor_rollout_ref.actor.policy_loss.loss_mode": "cispo",
    "actor_rollout_ref.actor.clip_ratio_low": 1.0,
    "actor_rollout_ref.actor.clip_ratio_high": 4.0,
}
"""`rl.loss=truncated`: the old log-probabilities are the rollout engine's, and the ratio to them lies in 0 to 1 + 4
(verl/trainer/ppo/core_algos.py, compute_policy_loss_cispo)."""
MICRO_BATCH_ON_CPU = 512
"Tokens of one forward pass; on a GPU one rollout of full length."
_SMALLEST_BUCKET = 16
"MiB."
_LORA = ("lora_rank", "lora.merge")
READY = "ready to fit"
"What verl says when workers and servers are up and the checkpoint is loaded (verl/trainer/ppo/v1/trainer_base.py:394)."


@dataclass(frozen=True, slots=True, kw_only=True)
class RLLaunch(Launch):
    """verl's PPO trainer with GRPO: ``model = train(RLLaunch(...).command())``."""

    section: ClassVar[str] = "rl"
    primary: ClassVar[str] = "int_grpo"
    cpu_fragment: ClassVar[str] = "cpu_grpo"
    model_in_checkpoint: ClassVar[str] = "actor/huggingface"
    phases: ClassVar[tuple[Phase, ...]] = RL_PHASES
    env_of_workers: ClassVar[str | None] = "ray_kwargs.ray_init.runtime_env.env_vars"
    model_section: ClassVar[str] = "actor_rollout_ref.model"
    our_settings: ClassVar[dict[str, str]] = {
        "actor_rollout_ref.model.path": "model.path",
        "trainer.total_training_steps": "rl.total_steps",
        "trainer.default_local_dir": "run.dir",
        "trainer.save_freq": "rl.save_freq",
        "data.train_batch_size": "rl.prompts_per_step",
        "data.max_prompt_length": "rl.max_prompt_length",
        "data.max_response_length": "rl.max_response_length",
        "actor_rollout_ref.rollout.n": "rl.rollouts",
        "actor_rollout_ref.rollout.tensor_model_parallel_size": "rl.tensor_parallel",
        "actor_rollout_ref.rollout.val_kwargs.n": "rl.val_samples",
        "actor_rollout_ref.actor.ppo_mini_batch_size": "rl.mini_batch",
    }

    settings: RLSettings
    evaluation: EvalSettings
    "How validation samples, `rl.val_samples` of each problem."
    base_model: Path | None
    "Where `model_path` is a model trained from this one: it must fit, and have other weights."
    train_files: tuple[Path, ...]
    val_files: tuple[Path, ...]
    validation_dir: Path
    "Where verl writes `{step}.jsonl` with every validation rollout."
    rollout_dir: Path
    "Where verl writes `{step}.jsonl` with every training rollout, if `rl.dump_rollouts`."
    agent_loops: Path | None = None
    "A registry of agent loops in the place of the package's; with `rl.online`."
    context_length: int | None = None
    "Of the rollout servers; None: a prompt and a response."
    online_dir: Path | None = None
    "Where our replay buffer writes what `int_online` did, if `rl.dump_rollouts`."

    def check_settings(self) -> None:
        settings = self.settings
        check_export(settings.export, settings.test_freq, settings.save_freq)
        check_reward(settings)
        self.check_overrides()
        if settings.prompts_per_step % settings.mini_batch:
            raise UserError(
                f"rl.prompts_per_step={settings.prompts_per_step} is no multiple of rl.mini_batch={settings.mini_batch}"
            )
        self._check_online()
        if self.platform == "gpu":
            self.queue.check()
        else:
            self._check_lora()

    def command(self) -> TrainerCommand:
        """The command; a UserError where verl would fail or do another thing with settings, files or model."""
        self.check_start_model()
        self.check_settings()
        self._check_data()
        if self.base_model is not None:
            check_model(self.model_path, self.base_model)
        self.ray.check_size(self.queue.cpus, self.queue.needs, self.platform)
        return self.command_until(self.settings.total_steps)

    def _check_online(self) -> None:
        online, longest = self.settings.online, self.settings.max_prompt_length + self.settings.max_response_length
        if not online.enabled:
            return
        if online.loss_on == "all" and self.settings.temperature != 1:
            raise UserError(
                f"rl.online.loss_on=all with rl.temperature={self.settings.temperature:g}: the rollout servers give "
                "the log-probabilities of interventions at temperature 1 alone; set rl.temperature=1 or "
                "rl.online.loss_on=own"
            )
        if self.context_length is not None and self.context_length <= longest:
            raise UserError(
                f"rl.online: {self.context_length} tokens of context (rl.online.context_length, "
                "engine.context_length or the model's) leave a verification no room beside rl.max_prompt_length + "
                f"rl.max_response_length={longest}; raise it or lower these"
            )

    def _check_lora(self) -> None:
        """Refuses what `CPUWorkerExtension` cannot do, which verl would wait for."""
        lora, merge = (last_value(self.settings.overrides, f"{self.model_section}.{key}") for key in _LORA)
        if lora not in (None, "0") and str(merge).lower() != "true":
            raise UserError(
                f"{self.model_section}.{_LORA[0]}={lora} in rl.overrides: on a CPU the rollout engine takes whole "
                f"weights alone; add {self.model_section}.{_LORA[1]}=true"
            )

    def patience(self) -> Patience:
        settings = self.settings
        cause = (
            f"{self.queue.needs} and waits for ever where fewer are free; look at `ray status`, or raise "
            "rl.start_minutes where a model only loads slowly"
        )
        return Patience(60 * settings.stall_minutes, SettingUp(60 * settings.start_minutes, READY, cause))

    def check_host(self) -> None:
        """As every launch; and raises UserError where the Ray that it would join is not fit."""
        super(RLLaunch, self).check_host()  # a dataclass with slots has no cell for a bare super()
        self.ray.check_host()

    @property
    def ray(self) -> RLRay:
        return RLRay(self.settings)

    @property
    def queue(self) -> TransferQueue:
        return TransferQueue(self.settings, self.platform)

    def environment(self) -> dict[str, str]:
        alone = {} if self.ray.is_named else loopback_environment(self.settings.nnodes)
        return {"RAY_USAGE_STATS_ENABLED": "0", **(cpu_environment() if self.platform == "cpu" else {}), **alone}

    def program(self) -> list[str]:
        return [sys.executable, "-m", "verl.trainer.main_ppo"]

    def verl_settings(self) -> dict[str, object]:
        settings, evaluation, output_dir = self.settings, self.evaluation, self.output_dir.resolve()
        longest = settings.max_prompt_length + settings.max_response_length
        context = self.context_length or longest
        actor, rollout = "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
        found: dict[str, object] = {
            "actor_rollout_ref.model.path": self.model_path,
            "data.train_files": self.train_files,
            "data.val_files": self.val_files,
            "data.train_batch_size": settings.prompts_per_step,
            "data.max_prompt_length": settings.max_prompt_length,
            "data.max_response_length": settings.max_response_length,
            "data.seed": self.seed,
            f"{actor}.ppo_mini_batch_size": settings.mini_batch,
            f"{actor}.ppo_max_token_len_per_gpu": max(MICRO_BATCH_ON_CPU if self.platform == "cpu" else 0, longest),
            f"{actor}.optim.lr": settings.learning_rate,
            f"{actor}.optim.clip_grad": settings.max_grad_norm,
            f"{actor}.entropy_coeff": settings.entropy_bonus,
            **(TRUNCATED if settings.loss == "truncated" else {}),
            f"{actor}.data_loader_seed": self.seed,
            f"{actor}.fsdp_config.seed": self.seed,
            f"{rollout}.n": settings.rollouts,
            f"{rollout}.seed": self.seed,
            f"{rollout}.temperature": settings.temperature,
            f"{rollout}.max_model_len": context,
            f"{rollout}.max_num_batched_tokens": batched_tokens(self.platform, context),
            f"{rollout}.tensor_model_parallel_size": settings.tensor_parallel,
            "data.val_batch_size": self.queue.val_batch_size,
            f"{rollout}.val_kwargs.n": settings.val_samples,
            f"{rollout}.val_kwargs.do_sample": evaluation.temperature > 0,
            f"{rollout}.val_kwargs.temperature": evaluation.temperature,
            f"{rollout}.val_kwargs.top_p": evaluation.top_p,
            f"{rollout}.val_kwargs.top_k": evaluation.top_k,
            **reward_settings(settings),
            "trainer.total_training_steps": settings.total_steps,
            "trainer.val_before_train": settings.val_before_train and not self._is_validated(),
            "trainer.test_freq": settings.test_freq or settings.total_steps,
            "trainer.save_freq": settings.save_freq,
            "trainer.nnodes": settings.nnodes,
            "trainer.n_gpus_per_node": settings.gpus_per_node,
            "trainer.default_local_dir": output_dir,
            "hydra.run.dir": output_dir / "hydra",
            "hydra.output_subdir": None,  # else the command line is kept there, keys and all
            "trainer.validation_data_dir": self.validation_dir.resolve(),
        }
        if self.platform == "cpu":
            found |= self.ray.arguments_on_a_cpu() | executor_on_a_cpu(settings.tensor_parallel)
            found[f"ray_kwargs.ray_init.runtime_env.env_vars.{THREADS}"] = literal(cpu_environment()[THREADS])
            bucket = f"{rollout}.checkpoint_engine.update_weights_bucket_megabytes"
            found[bucket] = _bucket_mib(self.base_model or self.model_path)
        else:
            found[UNITS] = self.queue.units
        if settings.dump_rollouts:
            found["trainer.rollout_data_dir"] = self.rollout_dir.resolve()
        if self.agent_loops is not None:
            found[f"{rollout}.agent.agent_loop_config_path"] = self.agent_loops.resolve()
        if settings.dump_rollouts and self.online_dir is not None:
            found["+trainer.v1.sampler.sampler_kwargs.online_dump"] = self.online_dir.resolve()
        if settings.prefix == "intervention":
            found[f"{rollout}.agent.default_agent_loop"] = "int_prefix"
        return found

    def _is_validated(self) -> bool:
        """Whether the validation before training is behind it: there is a checkpoint, or all of its samples.

        verl validates at every start (verl/trainer/ppo/v1/trainer_base.py:439) and writes the samples in the end.
        """
        if checkpointed_step(self.output_dir) is not None:
            return True
        dump = self.validation_dir / "0.jsonl"
        if not all(file.is_file() for file in (dump, *self.val_files)):
            return False
        with dump.open("rb") as lines:
            return sum(1 for _ in lines) == self.settings.val_samples * _rows(self.val_files)

    def _check_data(self) -> None:
        import pyarrow.parquet as pq

        from int_verl.records import RL

        first = None
        for file in (*self.train_files, *self.val_files):
            if not file.exists():
                raise UserError(f"{file}: no such file")
            schema = pq.read_schema(file)
            for name in RL.names:
                if name not in schema.names:
                    raise UserError(f"{file}: column {name} is missing; verl's RL rows have {', '.join(RL.names)}")
            if first is None:
                first = schema
            elif not schema.equals(first, check_metadata=False):
                raise UserError(
                    f"{file}: its columns differ from those of {self.train_files[0]}; verl needs them equal"
                )
        rows, batch = _rows(self.train_files), self.settings.prompts_per_step
        if rows < batch:
            raise UserError(
                f"{self.train_files[0]}: {rows} rows are fewer than one batch of {batch}; lower rl.prompts_per_step"
            )
        if not self.val_files:
            raise UserError("problems.heldout: verl's trainer needs a validation file, even with test_freq=-1")


def _bucket_mib(model: Path) -> int:
    """MiB of shared memory through which a CPU's rollout server gets its weights.

    Each has to fit in whole, in 32 bits; else verl's sender fails and the receiver waits for ever
    (verl/workers/rollout/vllm_rollout/bucketed_weight_transfer.py:141).
    """
    largest = max((tensor.numbers for tensor in tensors_of(model).values()), default=0)
    return max(_SMALLEST_BUCKET, -(-4 * largest // 2**20))


def _rows(files: Iterable[Path]) -> int:
    import pyarrow.parquet as pq

    return sum(pq.read_metadata(file).num_rows for file in files)
