"""verl's own rollout servers as the generator's engine: stock vLLM or SGLang, on any number of nodes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import sys
from pathlib import Path
from typing import Any, Literal

from int_verl.errors import DeadEngineError, EngineError, UserError
from int_verl.generate.engines.base import Completion, Request
from int_verl.generate.engines.joined_ray import nodes_that_answer
from int_verl.generate.engines.own_ray import OwnRay
from int_verl.generate.engines.server_fault import ServerFault, last_line
from int_verl.hydra_overrides import hydra_overrides, quote
from int_verl.ray_cluster import check_cluster, joins_a_cluster
from int_verl.settings.engine import EngineSettings, batched_tokens, executor_on_a_cpu

_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DEDUP_LOGS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "VLLM_LOGGING_LEVEL": "ERROR",
}
_CPU = {
    "VERL_PLATFORM": "cpu",
    "OMP_NUM_THREADS": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "1",
}


class VerlEngine:
    """Standalone rollout servers of stock verl (verl/workers/rollout/llm_server.py:281), one for each model copy.

        async with VerlEngine(model_path, EngineSettings(), 256, 256, platform="cpu") as engine:
            completion = await engine.generate(Request((1, 42, 7), Sampling(max_tokens=64), seed=1))

    Starts a Ray of its own, under a supervisor, unless one is running (or `RAY_ADDRESS` names a cluster). What it
    started ends with it or with this process, however that ends.
    Equal requests give equal completions on the CPU, unless `engine.seeded` is off; on a GPU as far as vLLM's batching
    lets them.

    Args:
        model_path: folder or hub name of the model; its real weights are loaded.
        prompt_length: longest prompt, in tokens.
        response_length: most new tokens of any request.
        platform: `cpu` starts logical GPUs and vLLM's CPU build.
        settings: `nnodes * gpus_per_node / tensor_parallel` model copies, vLLM's share of each GPU, and Hydra overrides
            of verl's `ppo_trainer` config, last and strongest.
        max_model_len: longest prompt with its completion, in tokens; None: the two lengths together.
    """

    def __init__(
        self,
        model_path: str | Path,
        settings: EngineSettings,
        prompt_length: int,
        response_length: int,
        platform: Literal["cpu", "gpu"],
        max_model_len: int | None = None,
    ) -> None:
        for override in settings.overrides:
            key, _, value = override.lstrip("+").partition("=")
            if key.endswith("rollout.load_format") and value.startswith("dummy"):
                raise UserError(
                    f"{override} in engine.overrides: the servers would sample from random weights; drop it"
                )
            if key.endswith("rollout.tensor_model_parallel_size"):
                raise UserError(f"{override} in engine.overrides: set engine.tensor_parallel instead")
        gpus = settings.nnodes * settings.gpus_per_node
        if not gpus or gpus % settings.tensor_parallel:
            raise UserError(
                f"engine.tensor_parallel={settings.tensor_parallel} does not divide the {gpus} GPUs of "
                "engine.nnodes * engine.gpus_per_node"
            )
        self.model_path, self.settings, self.platform = str(model_path), settings, platform
        self.prompt_length, self.response_length, self.max_model_len = prompt_length, response_length, max_model_len
        self._client: Any = None
        self._manager: Any = None
        self._ray: OwnRay | None = None
        self._joined_ray = self._cancelled = False
        self._is_vllm = True
        self._end_ids: frozenset[int] = frozenset()

    async def __aenter__(self) -> VerlEngine:
        """Starts the servers.

        Raises:
            UserError: the model is not there, or the Ray that would be joined is not fit, see `check_cluster`, or has
                too few GPUs.
            EngineError: the servers did not come up; the message ends with the cause.
        """
        if self.model_path.startswith((".", "/")) and not (Path(self.model_path) / "config.json").exists():
            raise UserError(f"{self.model_path}: no config.json there; model_path must be a folder with a model")
        if not _ray_is_initialized():
            check_cluster(self.settings.nnodes)
        start = asyncio.ensure_future(asyncio.to_thread(self._start))
        try:
            self._client = await asyncio.shield(start)
        except asyncio.CancelledError:
            # What the thread begins after this nobody would stop.
            self._cancelled = True
            await asyncio.wait([start])
            await asyncio.to_thread(self._stop)
            raise
        except UserError:
            await asyncio.to_thread(self._stop)
            raise
        except Exception as error:
            await asyncio.to_thread(self._stop)
            raise EngineError(f"verl's rollout servers did not start: {last_line(error)}") from error
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await asyncio.to_thread(self._stop)

    async def generate(self, request: Request) -> Completion:
        """Draws one completion.

        Raises:
            DeadEngineError: the server died, or vLLM's engine in it.
            EngineError: the request cannot be served (too long for the lengths given), or the server failed on it.
        """
        if self._client is None:
            raise EngineError("the engine is not running; use it as `async with VerlEngine(...)`")
        sampling = request.sampling
        if len(request.prompt_ids) > self.prompt_length or sampling.max_tokens > self.response_length:
            raise EngineError(
                f"a prompt of {len(request.prompt_ids)} tokens for {sampling.max_tokens} new ones does not fit "
                f"engine.prompt_length={self.prompt_length}, engine.response_length={self.response_length}"
            )
        try:
            output = await self._client.generate(
                request_id=request.family,
                prompt_ids=list(request.prompt_ids),
                sampling_params=self._sampling_params(request),
            )
        except ServerFault as fault:
            raise (DeadEngineError if fault.is_death else EngineError)(str(fault)) from fault
        tokens = tuple(int(token) for token in output.token_ids)
        if output.stop_reason not in (None, "completed", "stop", "length"):
            raise EngineError(f"a rollout server gave up on a request: {output.stop_reason}")
        # verl says `completed` for the length limit as well (vllm_async_server.py, `stop_reason`).
        stopped = bool(tokens) and tokens[-1] in self._end_ids
        if not stopped and len(tokens) < sampling.max_tokens:
            raise EngineError(
                f"{len(tokens)} of {sampling.max_tokens} tokens and no end token: the server stopped early"
            )
        return Completion(tokens, "stop" if stopped else "length")

    def _sampling_params(self, request: Request) -> dict[str, Any]:
        sampling = request.sampling
        params: dict[str, Any] = {
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "top_k": sampling.top_k,
        }
        if self._is_vllm:
            params |= {"detokenize": False, "output_kind": _FinalOnly()}
        else:
            params["max_new_tokens"] = params.pop("max_tokens")
        if self.settings.seeded:
            name, bound = ("seed", 2**63) if self._is_vllm else ("sampling_seed", 2**31)
            params[name] = request.seed % bound
        return params

    def _start(self) -> Any:
        """Runs in a thread: verl's start-up blocks for as long as its processes import."""
        environment = {**_QUIET, **(_CPU if self.platform == "cpu" else {})}
        for name, value in environment.items():
            os.environ.setdefault(name, value)
        if not joins_a_cluster() and not _ray_is_initialized():
            self._ray = OwnRay(self._daemons(), self.settings.nnodes)  # it starts while this thread imports verl
        from verl.workers.rollout.llm_server import LLMServerManager

        config = self._compose()
        self._connect({name: os.environ[name] for name in environment})
        if self._ray is None:
            self._check_gpus()
        self._is_vllm = config.actor_rollout_ref.rollout.name == "vllm"
        self._end_ids = _end_ids(self.model_path)
        if self._cancelled:
            raise EngineError("stopped")
        self._manager = LLMServerManager.create(config=config, worker_group=None, rollout_resource_pool=None)
        from int_verl.generate.engines.client import FamilyClient

        servers = dict(zip(self._manager.server_addresses, self._manager.server_handles, strict=True))
        share = -(-self.settings.places // len(servers))
        return self._manager.get_client(client_cls=FamilyClient, servers=servers, concurrency=share)

    def _daemons(self) -> dict[str, Any]:
        """`ray.init`'s arguments for a Ray of our own."""
        if self.platform == "gpu":
            return {"include_dashboard": False}
        gpus = self.settings.gpus_per_node
        return {"include_dashboard": False, "num_cpus": 16, "num_gpus": gpus, "_system_config": _NO_PRESTART}

    def _connect(self, environment: dict[str, str]) -> None:
        import ray

        if _ray_is_initialized():
            return
        self._joined_ray = True
        init = self._ray.connect if self._ray is not None else ray.init
        init(runtime_env={"env_vars": environment}, log_to_driver=False, logging_level=logging.ERROR)

    def _check_gpus(self) -> None:
        """Refuses (`UserError`) a Ray that is joined, in which verl would wait for GPUs for ever."""
        settings = self.settings
        of_replica = min(settings.tensor_parallel, settings.gpus_per_node)
        groups = settings.nnodes * settings.gpus_per_node // of_replica
        nodes_that_answer().check_gpus(groups, of_replica, "engine.nnodes, engine.gpus_per_node", self.platform)

    def _compose(self) -> Any:
        from hydra import compose, initialize_config_module
        from hydra.core.global_hydra import GlobalHydra

        longest = self.max_model_len or self.prompt_length + self.response_length
        rollout = "actor_rollout_ref.rollout"
        overrides = [
            *(["+int=cpu_grpo"] if self.platform == "cpu" else []),
            f"actor_rollout_ref.model.path={quote(Path(self.model_path))}",
            f"{rollout}.name=vllm",
            f"{rollout}.load_format=auto",
            f"{rollout}.skip_tokenizer_init=false",
            f"{rollout}.nnodes={self.settings.nnodes}",
            f"{rollout}.n_gpus_per_node={self.settings.gpus_per_node}",
            f"{rollout}.tensor_model_parallel_size={self.settings.tensor_parallel}",
            f"{rollout}.prompt_length={self.prompt_length}",
            f"{rollout}.response_length={self.response_length}",
            f"{rollout}.max_model_len={longest}",
            f"{rollout}.max_num_batched_tokens={batched_tokens(self.platform, longest)}",
            f"{rollout}.seed={self._servers_seed()}",
            f"{rollout}.free_cache_engine=false",
            f"++{rollout}.enable_sleep_mode=false",
            f"trainer.nnodes={self.settings.nnodes}",
            f"trainer.n_gpus_per_node={self.settings.gpus_per_node}",
        ]
        if self.platform == "gpu":
            overrides.append(f"{rollout}.gpu_memory_utilization={self.settings.gpu_memory_utilization}")
        else:
            overrides += hydra_overrides(executor_on_a_cpu(self.settings.tensor_parallel))
        overrides += self.settings.overrides
        outer = GlobalHydra.instance().hydra
        GlobalHydra.instance().clear()
        try:
            with initialize_config_module(version_base=None, config_module="verl.trainer.config"):
                return compose("int_grpo", overrides=overrides)
        finally:
            GlobalHydra.instance().hydra = outer

    def _servers_seed(self) -> int:
        """For what is drawn without a seed of its own: another at each start, or a run that goes on repeats itself."""
        return 0 if self.settings.seeded else secrets.randbelow(2**31)

    def _stop(self) -> None:
        self._client = self._manager = None
        if self._joined_ray:
            self._joined_ray = False
            import ray

            ray.shutdown()
        if self._ray is not None:
            self._ray.stop()
            self._ray = None


_NO_PRESTART = {"prestart_worker_first_driver": False}
"Ray would start a Python for each of its logical CPUs."


def _ray_is_initialized() -> bool:
    return "ray" in sys.modules and bool(sys.modules["ray"].is_initialized())


class _FinalOnly:
    """Unpickles in the server as vLLM's `RequestOutputKind.FINAL_ONLY`, so that this process need not import vLLM.

    One output at the end instead of one a token: less work for the server's single thread.
    """

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return _final_only, ()


def _final_only() -> Any:
    from vllm.sampling_params import RequestOutputKind

    return RequestOutputKind.FINAL_ONLY


def _end_ids(model_path: str) -> frozenset[int]:
    """The tokens at which vLLM stops: those of the generation config, else of the config, and the tokenizer's."""
    from transformers import AutoConfig, AutoTokenizer, GenerationConfig

    ids: set[int | None] = {AutoTokenizer.from_pretrained(model_path).eos_token_id}
    for cls in (AutoConfig, GenerationConfig):
        with contextlib.suppress(OSError):  # no such file
            value = cls.from_pretrained(model_path).eos_token_id
            ids.update(value if isinstance(value, list) else [value])
    return frozenset(end for end in ids if end is not None)
