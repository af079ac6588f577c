"""Who samples and who proposes: the sections `engine` and `proposer`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from int_verl.errors import UserError
from int_verl.redaction import without_credentials
from int_verl.settings.ranges import (
    Count,
    Name,
    NotNegative,
    PositiveFloat,
    PositiveInt,
    PositiveShare,
    Server,
    Share,
    is_server,
)

_IN_FLIGHT_EACH = 128
Ordering = Literal["depth_first", "arrival"]


@dataclass(frozen=True, slots=True)
class EngineSettings:
    name: Literal["verl", "openai", "scripted"] = "verl"
    """verl: stock rollout servers on this machine or your Ray cluster. openai: servers that run already, by URL.
    scripted: a Python function, for a proposer that is a program, and for tests."""
    in_flight: PositiveInt | None = None
    "Requests in flight at most, and whenever there is so much to do; null: 128 for each GPU, or server by URL."
    ordering: Ordering = "depth_first"
    """Which request goes next. depth_first: older problems and deeper stages first, neighbours share a prefix.
    arrival."""
    timeout: PositiveFloat | None = 3600.0
    """Seconds a request may take in the engine, and how often one that failed or timed out is made again; null: for
    ever."""
    retries: Count = 5
    reopen: Count = 3
    """verl: how often servers that died are started again before the run stops, resumably; what was in flight is drawn
    anew."""
    seeded: bool = True
    """Send each request's seed, so that equal requests are equal draws. On a GPU it keeps vLLM from its faster sampler
    (docs/gpu.md). The journal keeps every draw either way."""
    lost_share: Share = 0.01
    """Share of the requests that may be given up, with their reason in the tables: refused for good, or failed at every
    try. One more stops the run, resumably."""
    context_length: PositiveInt | None = 32_768
    "Prompt and completion tokens at most; null: what the model allows."
    nnodes: PositiveInt = 1
    gpus_per_node: PositiveInt = 1
    tensor_parallel: PositiveInt = 1
    gpu_memory_utilization: PositiveShare = 0.85
    overrides: tuple[str, ...] = ()
    "More overrides for verl's actor_rollout_ref.rollout configuration, as in a verl command line."
    base_urls: tuple[Server, ...] = ()
    "openai: servers that serve the model of model.path, such as [http://node1:8000/v1, http://node2:8000/v1]."
    model: Name | None = None
    "Their name for it; null: model.path."
    tokens: Literal["ids", "text"] = "ids"
    """openai: ids: prompts and completions are token ids, as with vLLM. text: they are text, for servers that know no
    token ids (docs/engines.md)."""
    api_key_env: Name | None = None
    """The environment variable that holds the API key, if they want one; one that is not named as keys are has to be
    allowed with INT_VERL_KEYS (docs/security.md)."""
    concurrency: PositiveInt | None = None
    "Requests in flight on each server at most; null: their share of in_flight."
    give_up_after: NotNegative = 600.0
    "Stop, resumably, when no server has been well for so many seconds."
    script: Name | None = None
    """scripted: path/to/file.py:function, which answers a request with a text or a completion (docs/engines.md), and
    seconds that takes."""
    delay: NotNegative = 0.0

    @property
    def places(self) -> int:
        """Requests in flight at most."""
        servers = len(self.base_urls) if self.name == "openai" else self.nnodes * self.gpus_per_node
        return self.in_flight or _IN_FLIGHT_EACH * servers

    def check_servers(self) -> None:
        """What can be told of the servers by URL without asking them.

        Raises:
            UserError: there are none, two alike, or two ways to log in.
        """
        urls = self.base_urls
        if not urls or len(set(urls)) < len(urls):
            shown = [without_credentials(url) for url in urls]
            raise UserError(
                f"engine.base_urls={shown}: engine.name=openai needs one or more URLs, no two alike, such as "
                "[http://node1:8000/v1]"
            )
        for number, url in enumerate(urls, 1):
            if not is_server(url):
                raise UserError(f"engine.base_urls: number {number} is no address such as http://node1:8000/v1")
            if self.api_key_env is not None and "@" in urlsplit(url).netloc:
                raise UserError(
                    f"engine.base_urls: {without_credentials(url)} has a user or a password beside engine.api_key_env="
                    f"{self.api_key_env}; a request carries one of them, remove the other"
                )


def batched_tokens(platform: Literal["cpu", "gpu"], longest: int) -> int:
    """Tokens of one step of a rollout server at most.

    On a GPU longer prompts go in piece by piece, and a larger step would only take its activations from the cache; on a
    CPU each goes in whole (`config/int/cpu_grpo.yaml`).

    Args:
        longest: a prompt with its completion, in tokens.
    """
    return 8_192 if platform == "gpu" else max(8_192, longest)


def executor_on_a_cpu(tensor_parallel: int) -> dict[str, str]:
    """verl's key -> value for a server of several ranks, which cannot be in one process as `cpu_grpo` has it."""
    executor = "actor_rollout_ref.rollout.engine_kwargs.vllm.distributed_executor_backend"
    return {executor: "mp"} if tensor_parallel > 1 else {}


@dataclass(frozen=True, slots=True)
class ProposerSettings:
    path: Name | None = None
    """Folder or hub name. null: the model proposes itself (the paper's method), or what proposer.engine names in its
    place."""
    engine: dict[str, Any] = field(default_factory=dict)
    "Keys of engine that are others for it, for example {name: openai, base_urls: [http://node2:8000/v1]}."
