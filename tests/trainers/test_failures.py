"""What a trainer's log says, in one line with the remedy. What this machine can bring about is brought about."""

from __future__ import annotations

import re
import subprocess
import sys
import traceback
from pathlib import Path
from textwrap import dedent

import pytest

from int_verl.trainers.failures import explain

pytestmark = pytest.mark.verl

# Of each: what really happens, and what is told.
REAL = {
    "a port, by torch": (
        """
        import socket, torch.distributed
        other = socket.socket(socket.AF_INET6); other.bind(("::", 0)); other.listen()
        torch.distributed.TCPStore("localhost", other.getsockname()[1], is_master=True)
        """,
        r"a port is in use: .* \(\d+\)",
    ),
    "a port, by the system": (
        """
        import socket
        one, two = socket.socket(), socket.socket()
        one.bind(("127.0.0.1", 0)); one.listen(); two.bind(one.getsockname())
        """,
        "a port is in use",
    ),
    "a missing package": ("import transfer_queue_that_is_not_there", r"int-verl doctor.*\(transfer_queue_that_is_not"),
    "a full disk": ("open('/dev/full', 'w').write('x' * 10_000)", "no space left on the disk"),
    "a full disk, by torch": (
        "import torch; torch.save(torch.zeros(10**6), '/dev/full')",
        "no space left on the disk",
    ),
    "no memory, by torch": ("import torch; torch.empty(2**48)", "the machine's memory is full: .* lower rl.rollouts"),
    "another vocabulary": (
        "import torch; torch.nn.Embedding(10, 2)(torch.tensor([11]))",
        "tokenizer and model do not belong together",
    ),
    "another model's checkpoint": (
        "import torch; torch.nn.Embedding(10, 2).load_state_dict({'weight': torch.zeros(12, 2)})",
        r"another size: .*\(weight\)",
    ),
    "another number of GPUs": (
        "open('out/global_step_4/model_world_size_8_rank_0.pt')",
        r"another number of GPUs: .*\(8\)",
    ),
    "a bad path": ("open('/no/such/file.parquet')", r"a file cannot be opened: .*\(/no/such/file.parquet\)"),
    "an override": (
        """
        from hydra import compose, initialize_config_module
        with initialize_config_module("int_verl.config", version_base=None):
            compose(None, overrides=["sft.epoch=3"])
        """,
        r"an override names no key of verl: .*\(sft.epoch\)",
    ),
    "our own complaint": (
        "from int_verl.errors import UserError; raise UserError('a.parquet row 3: too long')",
        r"bad input \(a.parquet row 3: too long\)",
    ),
}

DEADLY = {
    "no memory": (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**29, 2**29)); bytearray(2**30)",
        "the machine's memory is full",
    ),
    "killed": ("import os; os.kill(os.getpid(), 9)", r"the machine's memory is full: .*\(the trainer was killed\)"),
}

# What needs a GPU or a cluster: the words of torch 2.11 to 2.13, vLLM 0.24 to 0.28, Ray 2.60.
WORDS = {
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.32 GiB. GPU 0 has a total capacity of 79.11 GiB "
    "of which 1.24 GiB is free. Process 4242 has 77.86 GiB memory in use.": r"lower sft.max_length; .*2.32 GiB",
    "RuntimeError: CUDA error: out of memory": "a GPU's memory is full: .*rl.max_response_length",
    "ValueError: To serve at least one request with the model's max seq len (18432), (2.53 GiB KV cache is needed, "
    "which is larger than the available KV cache memory (1.07 GiB). Based on the available memory, the estimated "
    "maximum model length is 7792. Try increasing `gpu_memory_utilization`": r"rollout.gpu_memory_utilization .*18432",
    "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when initializing "
    "the engine": "the rollout engine's cache is too small",
    "ValueError: Free memory on device cuda:0 (11.9/79.11 GiB) on startup is less than desired GPU memory utilization "
    "(0.6, 47.47 GiB).": r"another process holds the GPU's memory: .*cuda:0 \(11.9/79.11 GiB\)",
    "ValueError: User-specified max_model_len (18432) is greater than the derived max_model_len "
    "(max_position_embeddings=4096 or model_max_length=None in model's config.json).": "takes fewer tokens .*18432",
    "ValueError: max_model_len (528) should be less than or equal to max_position_embeddings (512)": "fewer .*528",
    "ray.exceptions.OutOfMemoryError: Task was killed due to the node running low on memory.": "rl.prompts_per_step",
    "(raylet) 1 Workers (tasks / actors) killed due to memory pressure (OOM), 0 Workers crashed due to other reasons "
    "at node (ID: 5b1c, IP: 10.0.0.1)": "the machine's memory is full",
    "  traceback : Signal 9 (SIGKILL) received by PID 31337": "the machine's memory is full",
    "  traceback : Signal 7 (SIGBUS) received by PID 31337": "/dev/shm is too small",
    "[rank3]:[E1105 10:11:12.131415161 ProcessGroupNCCL.cpp:683] [Rank 3] Watchdog caught collective operation "
    "timeout: WorkNCCL(SeqNum=218, OpType=ALLREDUCE, NumelIn=1, NumelOut=1, Timeout(ms)=600000) ran for 600021 "
    "milliseconds before timing out.": r"nccl_timeout .*SeqNum=218, OpType=ALLREDUCE",
    "torch.distributed.DistBackendError: NCCL error in: ../torch/csrc/distributed/c10d/NCCLUtils.cpp:317, remote "
    "process exited or there was a network error, NCCL version 2.21.5 ncclRemoteError": "NCCL_SOCKET_IFNAME.*Remote",
    "/pytorch/aten/src/ATen/native/cuda/Indexing.cu:1553: indexSelectLargeIndex: block: [22,0,0], thread: [64,0,0] "
    "Assertion `srcIndex < srcSelectDimSize` failed.": "tokenizer and model do not belong together",
    "vllm.exceptions.VLLMValidationError: Token id 151936 is out of vocabulary": r"\(Token id 151936 is",
    "RuntimeError: The NVIDIA driver on your system is too old (found version 11080).": "driver does not fit",
    "torch.AcceleratorError: CUDA error: an illegal memory access was encountered": r"\(an illegal memory access",
    "ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.": "died without a word",
    "The actor died because its node has died. Node Id: 5b1c": "a node of the Ray cluster is gone: start it again",
    "Exception: The current node timed out during startup. This could happen because some of the raylet failed to "
    "startup or the GCS has become overloaded.": "Ray could not start",
    "vllm.v1.engine.exceptions.EngineDeadError: EngineCore encountered an issue.": "died without a word",
}


def check_line(line: str, told: str, log: Path) -> None:
    assert re.search(told, line), line
    assert "\n" not in line
    assert line.endswith(f"; see {log}")


@pytest.mark.parametrize("name", REAL)
def test_what_really_happens(name: str, tmp_path: Path) -> None:
    script, told = REAL[name]
    log = tmp_path / "trainer.log"
    try:
        exec(dedent(script), {})  # noqa: S102
    except Exception:
        log.write_text(traceback.format_exc())
    check_line(explain(log), told, log)


@pytest.mark.parametrize("name", DEADLY)
def test_what_really_ends_a_process(name: str, tmp_path: Path) -> None:
    script, told = DEADLY[name]
    log = tmp_path / "trainer.log"
    with log.open("w") as file:
        code = subprocess.run([sys.executable, "-c", script], stderr=file, check=False).returncode
    check_line(explain(log, code=code if code > 0 else 128 - code), told, log)


@pytest.mark.parametrize("said", WORDS)
@pytest.mark.parametrize("decoration", ["", "\x1b[36m(TaskRunner pid=4242)\x1b[0m "], ids=["plain", "by Ray"])
def test_what_only_others_see(said: str, decoration: str, tmp_path: Path) -> None:
    log = tmp_path / "trainer.log"
    log.write_text(f"INFO: all is well\n{decoration}{said}\nsubprocess.CalledProcessError: exit code 1\n")
    check_line(explain(log), WORDS[said], log)


RAYS_WORDS = """
ray.exceptions.ActorDiedError: The actor died unexpectedly before finishing this task.
	class_name: create_colocated_worker_cls.<locals>.WorkerDict
	actor_id: 6d5a
	pid: 4242
	name: dK2rWorkerDict_0:1
	namespace: 1f2e
	ip: 10.0.0.2
{why}
"""


@pytest.mark.parametrize(
    ("why", "told"),
    [
        (
            "The actor is dead because its worker process has died.",
            "^dK2rWorkerDict_0:1 on 10.0.0.2 died: a process of",
        ),
        (
            "The actor died because its node has died. Node Id: 5b",
            "^dK2rWorkerDict_0:1 on 10.0.0.2 died: a node of the",
        ),
    ],
)
def test_which_of_verls_actors_died(why: str, told: str, tmp_path: Path) -> None:
    log = tmp_path / "trainer.log"
    log.write_text(RAYS_WORDS.format(why=why))
    check_line(explain(log), told, log)


def test_an_actor_that_could_not_be_made_says_why(tmp_path: Path) -> None:
    log = tmp_path / "trainer.log"
    log.write_text(
        "ray.exceptions.ActorDiedError: The actor died because of an error raised in its creation task, "
        "\x1b[36mray::vllm_server_0_0:vLLMHttpServer.__init__()\x1b[39m (pid=18710, ip=127.0.0.1)\n"
        '  File "vllm_async_server.py", line 1108, in _validate_configs\n    raise ValueError(\n'
        "ValueError: the quantization of 3 bits is none that there is\n"
    )
    check_line(explain(log), "^the trainer failed: ValueError: the quantization of 3 bits", log)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_which_rank_was_killed(tmp_path: Path) -> None:
    """By torchrun's own words."""
    log, script = tmp_path / "trainer.log", tmp_path / "rank.py"
    script.write_text("import os, time\nif os.environ['RANK'] == '1': os.kill(os.getpid(), 9)\ntime.sleep(60)")
    with log.open("w") as file:
        torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", str(script)]
        code = subprocess.run(torchrun, stdout=file, stderr=file, check=False).returncode
    check_line(explain(log, code=code), "^rank 1 died: the machine's memory is full", log)


def test_only_the_failed_start_is_explained(tmp_path: Path) -> None:
    log = tmp_path / "trainer.log"
    log.write_text("No space left on device\n")
    start = log.stat().st_size
    log.write_text(log.read_text() + "ValueError: other\n")
    assert "other" in explain(log, start)


def test_hints_in_a_healthy_log_are_no_causes(tmp_path: Path) -> None:
    log = tmp_path / "trainer.log"
    log.write_text(
        "WARNING: if you see out of memory errors, lower gpu_memory_utilization\n"
        "INFO: flash_attn is off: No module named 'flash_attn'\n"
        "INFO: no generation_config.json: No such file or directory: 'x/generation_config.json'\n"
        "Exception: the cause\n"
        "Exception ignored in: <function Actor.__del__ at 0x7f>\n"
    )
    assert "the trainer failed: Exception: the cause" in explain(log)
