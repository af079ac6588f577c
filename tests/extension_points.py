"""Every place at which int_verl touches verl: its name, and whether the installed verl still has it as it is used.

python -m tests.extension_points      # one line each; exit code 1 if any is broken
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

POINTS: dict[str, Callable[[], None]] = {}


def point(name: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    def register(check: Callable[[], None]) -> Callable[[], None]:
        POINTS[name] = check
        return check

    return register


def takes(function: Any, *names: str) -> None:
    parameters = inspect.signature(function).parameters.values()
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters):
        return
    missing = set(names) - {each.name for each in parameters}
    assert not missing, f"{function.__qualname__} takes no {', '.join(sorted(missing))} any more"


def says(module: Any, *words: str) -> None:
    """Names and keys that a module of verl's reads or writes as text."""
    source = Path(inspect.getfile(module)).read_text(encoding="utf-8")
    missing = [each for each in words if each not in source]
    assert not missing, f"{module.__name__} does not know {', '.join(missing)} any more"


def compose(name: str, *overrides: str) -> Any:
    from hydra import compose, initialize_config_module

    with initialize_config_module(version_base=None, config_module="verl.trainer.config"):
        return compose(
            name, overrides=["actor_rollout_ref.model.path=m", *overrides] if "grpo" in name else [*overrides]
        )


@point("plugins: entry-point group verl.plugins")
def _plugins() -> None:
    for module in ("int_verl.plugin", "int_verl.cpu.register"):
        assert module in sys.modules, f"`import verl` does not load {module}"


@point("platform: verl.plugin.platform.PlatformRegistry")
def _platform() -> None:
    from verl.plugin.platform import PlatformRegistry

    from int_verl.cpu.platform import PlatformCPU

    assert PlatformRegistry.get("cpu") is not None
    PlatformCPU()  # raises where an abstract method is new


@point("configs: int_sft, int_grpo and their fragments on verl's primaries")
def _configs() -> None:
    from verl.trainer.ppo.utils import need_critic, need_reference_policy
    from verl.utils.config import validate_config

    compose("int_sft", "+int=cpu_sft")
    config = compose("int_grpo", "+int=cpu_grpo", "trainer.n_gpus_per_node=1")
    validate_config(config=config, use_reference_policy=need_reference_policy(config), use_critic=need_critic(config))


@point("reward function: reward.custom_reward_function")
def _reward() -> None:
    from verl.trainer.ppo.reward import get_custom_reward_fn

    function = get_custom_reward_fn(compose("int_grpo"))
    assert function is not None
    takes(function, "data_source", "solution_str", "ground_truth", "extra_info")


@point("SFT data set: data.custom_cls")
def _sft_data() -> None:
    from verl.trainer import sft_trainer

    takes(sft_trainer.create_sft_dataset, "data_paths", "data_config", "tokenizer", "processor")
    says(sft_trainer, "custom_cls", "set_epoch")


@point("agent loop: verl.experimental.agent_loop")
def _agent_loop() -> None:
    from int_verl.rl import agent_loop

    takes(agent_loop.PrefixAgentLoop.run, "sampling_params")


@point("agent loop int_online: the rollouts of a row in one worker, prompt_logprobs of its servers")
def _online_loop() -> None:
    from verl.trainer.ppo.v1 import agent_loop_tq
    from verl.workers.rollout.vllm_rollout import utils

    from int_verl.rl.online.loop import OnlineAgentLoop

    takes(OnlineAgentLoop.run, "sampling_params")
    says(agent_loop_tq, "session_id=i", "asyncio.create_task", '"agent_name" not in batch')
    says(utils, 'result_dict["prompt_logprobs"]', "num_prompt_logprobs == 0")


@point("agent loops in the trainer: agent_loop_manager_class")
def _manager() -> None:
    from verl.trainer import main_ppo

    from int_verl.cpu.agent_loops import AgentLoopManagerTQ, AgentLoopWorkerTQ, InProcessAgentLoops

    says(main_ppo, "agent_loop_manager_class", "reward_loop_worker_handles")
    takes(InProcessAgentLoops.__init__, "config", "llm_client", "teacher_client", "reward_loop_worker_handles")
    assert hasattr(AgentLoopManagerTQ, "_init_agent_loop_workers")
    assert hasattr(AgentLoopWorkerTQ, "__ray_metadata__")


@point("replay buffer: trainer.v1.sampler.custom_sampler")
def _sampler() -> None:
    from verl.trainer.ppo.v1 import trainer_base
    from verl.trainer.ppo.v1.replay_buffer import ReplayBuffer

    import int_verl.rl.replay_buffer  # noqa: F401

    says(trainer_base, "custom_sampler", "ready to fit")
    takes(ReplayBuffer.__init__, "trainer_mode", "sampler_kwargs", "poll_interval")
    takes(ReplayBuffer.sample, "global_steps", "partition_id", "batch_size")


@point("rollout servers: LLMServerManager and its client")
def _servers() -> None:
    from verl.workers.rollout.llm_server import LLMServerClient, LLMServerManager

    takes(LLMServerManager.__init__, "config", "worker_group", "rollout_resource_pool")
    takes(LLMServerManager.get_client, "client_cls")
    takes(LLMServerClient.generate, "request_id", "prompt_ids", "sampling_params")
    for method in ("_acquire_server", "_release_server", "_vllm_request_id"):
        assert hasattr(LLMServerClient, method), f"LLMServerClient has no {method} any more"


@point("vLLM's worker extension on a CPU: worker_extension_cls")
def _extension() -> None:
    from verl.workers.rollout.vllm_rollout.bucketed_weight_transfer import BucketedWeightReceiver

    from int_verl.cpu.vllm_extension import CPUWorkerExtension, vLLMColocateWorkerExtension

    stock = inspect.signature(vLLMColocateWorkerExtension.update_weights_from_ipc)
    takes(CPUWorkerExtension.update_weights_from_ipc, *stock.parameters)
    takes(BucketedWeightReceiver.__init__, "zmq_handle", "device", "use_shm")
    takes(BucketedWeightReceiver.receive_weights, "on_bucket_received")


@point("names of the servers' actors: vllm_server_RANK_0")
def _names() -> None:
    from verl.workers.rollout.vllm_rollout import vllm_rollout

    says(vllm_rollout, "server_{self.replica_rank}_{self.node_rank}", "get_job_id()")


@point("checkpoints: their tracker, shards and Hugging Face folder")
def _checkpoints() -> None:
    from verl.utils.checkpoint import checkpoint_handler, fsdp_checkpoint_manager

    says(checkpoint_handler, "data_")
    says(fsdp_checkpoint_manager, "model_world_size_{self.world_size}_rank_{self.rank}.pt", "huggingface", "hf_model")


@point("metrics: the `file` logger")
def _metrics() -> None:
    from verl.utils import tracking

    says(tracking, "VERL_FILE_LOGGER_PATH")


def main() -> int:
    import verl

    from int_verl.errors import first_line

    print(f"verl {verl.__version__}")
    broken = 0
    for name, check in POINTS.items():
        try:
            check()
        except Exception as error:
            broken += 1
            print(f"BROKEN {name}: {type(error).__name__}: {first_line(error)}")
        else:
            print(f"ok     {name}")
    return min(broken, 1)


if __name__ == "__main__":
    sys.exit(main())
