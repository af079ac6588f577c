"""Why a trainer failed, in one line: what the log says, translated into a remedy."""

from __future__ import annotations

import re
from pathlib import Path

GPU_MEMORY = (
    "for SFT set engine.offload_policy=true in sft.overrides, or lower sft.max_length; for RL lower "
    "rl.max_response_length, or in rl.overrides actor_rollout_ref.actor.ppo_max_token_len_per_gpu or "
    "actor_rollout_ref.rollout.gpu_memory_utilization, or set actor_rollout_ref.actor.fsdp_config.offload_policy=true"
)
HOST_MEMORY = (
    "the machine's memory is full: end other processes, or lower rl.rollouts or rl.prompts_per_step, "
    "data.dataloader_num_workers or reward.num_workers in rl.overrides"
)

PORT_IN_USE = "a port is in use: end the other run on this machine; between nodes choose another MASTER_PORT"

FAILURES = {
    r"UserError: (?P<what>.+)": "bad input",
    r"(?P<what>torch(\.cuda)?\.OutOfMemoryError: .*?GiB|(CUDA|HIP) out of memory|CUDA error: out of memory)": (
        f"a GPU's memory is full: {GPU_MEMORY}"
    ),
    r"(?P<what>max seq len \(\d+\).*KV cache memory \([^)]*\))|No available memory for the cache blocks": (
        "the rollout engine's cache is too small: raise actor_rollout_ref.rollout.gpu_memory_utilization in "
        "rl.overrides, or lower rl.max_response_length"
    ),
    r"Free memory on device (?P<what>.+?GiB\)).+is less than desired GPU memory utilization": (
        "another process holds the GPU's memory: end it, or lower actor_rollout_ref.rollout.gpu_memory_utilization in "
        "rl.overrides"
    ),
    r"max_model_len \((?P<what>\d+)\) (is greater than the derived max_model_len|should be less than or equal to)": (
        "the model takes fewer tokens than rl.max_prompt_length + rl.max_response_length: lower one of them"
    ),
    r"ray\.exceptions\.OutOfMemoryError|killed due to (the node running low on memory|memory pressure)|"
    r"DefaultCPUAllocator: can't allocate memory|(?<![\w.])MemoryError\b|Cannot allocate memory|"
    r"Signal 9 \(SIGKILL\) received": HOST_MEMORY,
    r"Signal 7 \(SIGBUS\) received|Bus error|unable to (open|write|allocate) shared memory": (
        "/dev/shm is too small: enlarge it, in docker with --shm-size=16g"
    ),
    r"No space left on device|inline_container\.cc.*unexpected pos|PytorchStreamWriter failed writing|"
    r"ray\.exceptions\.OutOfDiskError": "no space left on the disk: free some, then run again to resume",
    r"failed to listen on any local network address\. port: (?P<what>\d+)|Address already in use|EADDRINUSE": (
        PORT_IN_USE
    ),
    r"^ModuleNotFoundError: No module named '(?P<what>[^']+)'": (
        "a package is missing: run `int-verl doctor`, which names the command that installs it"
    ),
    r"Could not override '(?P<what>[^']+)'": (
        "an override names no key of verl: correct it, or put + in front to add it"
    ),
    r"Watchdog caught collective operation timeout: (?P<what>\w+\(SeqNum=\d+, OpType=\w+)": (
        "the GPUs waited in vain for one of them: look for its error further up in the log; if it was only slow, "
        "raise actor_rollout_ref.nccl_timeout (seconds)"
    ),
    r"(NCCL error.*)?(?P<what>nccl(UnhandledCuda|System|Remote|Internal)Error)|NCCL error": (
        "the GPUs could not talk to each other: run with NCCL_DEBUG=INFO, and set NCCL_SOCKET_IFNAME to the network "
        "device that joins the nodes"
    ),
    r"(?P<what>Token id -?\d+ is out of vocabulary)|index out of range in self|srcIndex < srcSelectDimSize|"
    r"index out of bounds: 0 <= ": (
        "a token id is larger than the model's vocabulary: tokenizer and model do not belong together, or the rows "
        "were written with another model"
    ),
    r"size mismatch for (?P<what>\S+): copying a param": (
        "the checkpoint is of a model of another size: use another run.dir, or --force to start the stage anew"
    ),
    r"^FileNotFoundError: .*_world_size_(?P<what>\d+)_rank_": (
        "the checkpoint to resume from was written with another number of GPUs: use as many as before, or --force to "
        "start the stage anew"
    ),
    r"^(PermissionError|FileNotFoundError|IsADirectoryError): .*'(?P<what>[^']+)'": (
        "a file cannot be opened: check the path and its rights"
    ),
    r"CUDA driver version is insufficient|NVIDIA driver on your system is too old|no kernel image is available": (
        "the GPU's driver does not fit this torch: run `int-verl doctor`"
    ),
    r"CUDA error: (?P<what>[^\n]+)": (
        "an error on the GPU: run again to resume; if it returns, CUDA_LAUNCH_BLOCKING=1 shows where"
    ),
    r"The current node timed out during startup": (
        "Ray could not start within its 30 s: the machine is busy with something else; run again to go on"
    ),
    r"The actor died because its node has died|ray\.exceptions\.NodeDiedError": (
        "a node of the Ray cluster is gone: start it again with `ray start --address=HEAD:6379` and run again to resume"
    ),
    r"Engine core initialization failed|EngineDeadError|ActorDiedError(?!: The actor died because of an error raised)|"
    r"The actor died unexpectedly|"
    r"Worker unexpectedly exits": (
        "a process of the trainer died without a word, often for want of memory: look at the end of the log, and at "
        "`dmesg` for the system's out-of-memory killer"
    ),
}
"Pattern in a line of the log, and what to tell the user; the group `what` is quoted. Specific ones first."

_HARMLESS = re.compile(r"engine is not available|UserWarning|Failed to load plugin|torchcodec|DEBUG")
_DECORATION = re.compile(r"\x1b\[[0-9;]*m|^\([^)]*pid=[^)]*\)\s*")
"Colours, and Ray's name of the process that speaks."


def explain(log_path: Path, start: int = 0, code: int = 1) -> str:
    """One line on why the trainer failed: cause, remedy, the log's path.

    Args:
        start: where in the log, in bytes, the failed start begins.
        code: the exit code, for a failure of no known kind; above 128 for a signal.
    """
    with log_path.open("rb") as file:
        file.seek(start)
        lines = [plain(line) for line in file.read().decode(errors="replace").splitlines()]
    useful = [line for line in lines if not _HARMLESS.search(line)]
    for pattern, remedy in FAILURES.items():
        for line in useful:
            if match := re.search(pattern, line):
                what = match.groupdict().get("what") or ""
                return f"{_who(useful)}{remedy}{f' ({what[:300]})' if what else ''}; see {log_path}"
    if code == 128 + 9:
        return f"{HOST_MEMORY} (the trainer was killed); see {log_path}"
    last = [line for line in useful if re.search(r"\w(Error|Exception)\b|\bException: ", line)]
    reason = last[-1][:300] if last else f"exit code {code}"
    return f"the trainer failed: {reason}; see {log_path}"


def _who(lines: list[str]) -> str:
    """Which of several processes a signal ended, as torchrun says it, or which of verl's actors, as Ray does."""
    said = "\n".join(lines)
    if rank := re.search(r"failed \(exitcode: -\d+\) local_rank: (\d+)", said):
        return f"rank {rank[1]} died: "
    if actor := re.search(r"^name: (?P<name>\S+)(\n\w+: .*)*?\nip: (?P<ip>\S+)", said, re.MULTILINE):
        return f"{actor['name']} on {actor['ip']} died: "
    return ""


def plain(line: str) -> str:
    """A line of the log without colours and without Ray's name of its process."""
    return _DECORATION.sub("", _DECORATION.sub("", line)).strip()
