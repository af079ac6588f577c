"""Real vLLM servers on loopback, in the CPU build, started in seconds and killed with everything they started."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_SERVER_DEV_MODE": "1",  # /reset_prefix_cache
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class VLLMServers:
    """Forks servers from one process that has imported vLLM.

    Args:
        model: folder of the model.
        name: under which it is served.
        max_model_len: prompt and completion tokens at most.
        logs: folder for the servers' output.
        more: further arguments of the server.
    """

    def __init__(self, model: Path, name: str, max_model_len: int, logs: Path, more: tuple[str, ...] = ()) -> None:
        self.model, self.name, self.max_model_len, self.logs, self.more = model, name, max_model_len, logs, more
        self._context = multiprocessing.get_context("forkserver")
        self._processes: dict[int, multiprocessing.process.BaseProcess] = {}

    def __enter__(self) -> VLLMServers:
        os.environ.update(ENVIRONMENT)
        self._context.set_forkserver_preload(["vllm.entrypoints.openai.api_server"])
        return self

    def __exit__(self, *exc_info: object) -> None:
        for port in list(self._processes):
            self.kill(port)

    def start(self, port: int) -> None:
        """Start a server; `wait` says when it is up."""
        arguments = [
            *("--model", str(self.model), "--served-model-name", self.name, "--host", "127.0.0.1", "--port", str(port)),
            *("--dtype", "float32", "--max-model-len", str(self.max_model_len), "--enforce-eager"),
            # vLLM-CPU cannot discard samples of seeded requests, as a chunked prefill does.
            *("--no-enable-chunked-prefill", "--max-num-batched-tokens", "4096", "--max-num-seqs", "256"),
            # Shorter than the quickstart's prompts, which the prefix cache is to know again.
            *("--block-size", "16"),
            *("--distributed-executor-backend", "vllm.v1.executor.uniproc_executor.UniProcExecutor"),
            "--disable-uvicorn-access-log",
            *self.more,
        ]
        process = self._context.Process(target=serve, args=(arguments, self.logs / f"{port}.log"))
        process.start()
        self._processes[port] = process

    def wait(self, port: int, timeout: float = 120.0) -> None:
        """Until the server answers.

        Raises:
            RuntimeError: it ended, or does not answer in time.
        """
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self._processes[port].is_alive():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise RuntimeError(f"no server on port {port}:\n{(self.logs / f'{port}.log').read_text()[-2000:]}")

    def kill(self, port: int) -> None:
        """SIGKILL to the server and its engine."""
        process = self._processes.pop(port)
        assert process.pid is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.join()

    def metric(self, port: int, name: str) -> float:
        """Sum of a metric's series."""
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith((f"{name}{{", f"{name} ")))

    def processor_seconds(self, port: int) -> float:
        """Of the server and its engine so far."""
        ticks = 0
        for file in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):  # ended meanwhile
                fields = file.read_text().rpartition(")")[2].split()
                if int(fields[2]) == self._processes[port].pid:
                    ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def reset_prefix_cache(self, port: int) -> None:
        request = urllib.request.Request(f"http://127.0.0.1:{port}/reset_prefix_cache", method="POST")
        with urllib.request.urlopen(request, timeout=20):
            pass

    @property
    def running(self) -> set[int]:
        return set(self._processes)

    def url(self, port: int) -> str:
        return f"http://127.0.0.1:{port}/v1"


def serve(arguments: list[str], log: Path) -> None:
    """What ``python -m vllm.entrypoints.openai.api_server`` does, in a process group of its own."""
    os.setsid()
    stream = log.open("ab")
    os.dup2(stream.fileno(), 1)
    os.dup2(stream.fileno(), 2)
    import uvloop
    from vllm.entrypoints.openai.api_server import run_server
    from vllm.entrypoints.openai.cli_args import make_arg_parser, validate_parsed_serve_args
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parsed = make_arg_parser(FlexibleArgumentParser()).parse_args(arguments)
    validate_parsed_serve_args(parsed)
    uvloop.run(run_server(parsed))
