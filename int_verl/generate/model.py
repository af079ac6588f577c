"""A model's folder: found by path or hub name, told apart by hashes, and what the generator must know of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from int_verl.errors import UserError
from int_verl.files import file_hash, read_json, text_hash

if TYPE_CHECKING:
    from int_verl.generate.chat import ChatCodec

_HASHED_BYTES = 1 << 20


@dataclass(frozen=True)
class LocalModel:
    """A model by the name that the settings give it. All else is found out when first asked for.

    Raises:
        UserError: by every property, where the folder is not there or not fit.
    """

    name: str
    "A folder, or a name at the hub."
    key: str = "model.path"
    "The setting that names it, for errors."
    longest: int | None = None
    "`engine.context_length`; None: what the model allows."
    written: str | None = None
    "The setting as it is written, with variables of the environment by their names."
    today: date | None = None
    "What its chat template prints as today's date; None: the clock's day."
    program: str | None = None
    "path/to/file.py:function that answers in its place; only tokenizer and chat template are its own."

    @property
    def label(self) -> str:
        """What rows call it."""
        return self.program or self.written or self.name

    @cached_property
    def folder(self) -> Path:
        return self._find(download=True)

    @property
    def folder_in_plan(self) -> Path:
        """`folder`, but the hub name of a model that is not on this machine: a plan downloads nothing."""
        return self._find(download=False)

    def _find(self, download: bool) -> Path:
        setting, folder = f"{self.key}={self.name}", Path(self.name).expanduser()
        if folder.is_dir():
            if not (folder / "config.json").is_file():
                raise UserError(f"{setting}: the folder has no config.json; give a Hugging Face checkpoint")
            return folder.resolve()
        if self.name.startswith((".", "/", "~")) or self.name.count("/") != 1:
            raise UserError(f"{setting}: no such folder; give a checkpoint's folder or a hub name")
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        try:
            return Path(snapshot_download(self.name, local_files_only=not download))
        except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
            if not download:
                return Path(self.name)
            raise UserError(
                f"{setting}: no such folder here, and the hub does not answer for it "
                f"({type(error).__name__}); give a local folder"
            ) from error

    @cached_property
    def parts(self) -> dict[str, str]:
        """Hashes of the weights, the configuration and the tokenizer."""
        return model_parts(self.folder)

    @cached_property
    def revision(self) -> str:
        """One short hash of all parts, or of the program and of what it reads and writes its text with."""
        if self.program is None:
            return revision_of(self.parts)
        file = Path(self.program.rpartition(":")[0])
        if not file.is_file():
            raise UserError(f"engine.script={self.program}: no such file; write path/to/file.py:function")
        return text_hash("\0".join([self.program, file_hash(file), self.parts["tokenizer"]]))[:16]

    @cached_property
    def codec(self) -> ChatCodec:
        from int_verl.generate.chat import ChatCodec

        return ChatCodec(self.folder, self.today)

    @cached_property
    def prints_date(self) -> bool:
        """Whether its chat template asks for today's date."""
        files = (*self.folder.glob("chat_template*"), *self.folder.glob("tokenizer_config.json"))
        return any(b"strftime_now" in file.read_bytes() for file in files)

    @cached_property
    def allows(self) -> int | None:
        """Prompt and completion tokens at most by the model's own configuration; None where it does not say."""
        return None if self.program else _allowed_by(self.folder)

    @cached_property
    def context_length(self) -> int:
        """Prompt and completion tokens at most."""
        limits = [limit for limit in (self.longest, self.allows) if limit]
        if not limits:
            raise UserError("engine.context_length is not set and the model's config.json does not say; set it")
        return int(min(limits))

    @property
    def context_length_in_plan(self) -> int | None:
        """`context_length`, as far as that can be told without the model; None: it cannot."""
        allowed = None if self.program else _allowed_by(self.folder_in_plan)
        limits = [limit for limit in (self.longest, allowed) if limit]
        return min(limits, default=None)


def _allowed_by(folder: Path) -> int | None:
    file = folder / "config.json"
    config = read_json(file) if file.is_file() else {}
    return (config.get("text_config") or config).get("max_position_embeddings") or None


_PARTS = {
    "weights": ("*.safetensors", "*.bin"),
    "configuration": ("config.json", "generation_config.json"),
    "tokenizer": ("tokenizer*", "chat_template*", "vocab*", "merges*", "special_tokens_map*", "added_tokens*"),
}


def model_parts(folder: Path) -> dict[str, str]:
    """A hash of each of `weights`, `configuration` and `tokenizer`, which changes when that part changes.

    Of a large file of weights the size, the first and the last MiB and 64 KiB at each of 62 places between them count:
    reading all of it would take minutes, and whatever is trained changes more than a few tensors.
    """
    hashes = {}
    for part, patterns in _PARTS.items():
        digest = hashlib.sha256()
        for file in sorted({file for pattern in patterns for file in folder.glob(pattern)}):
            size = file.stat().st_size
            digest.update(f"{file.name}\0{size}\0".encode())
            with file.open("rb") as stream:
                if part == "weights" and size > 8 * _HASHED_BYTES:
                    digest.update(stream.read(_HASHED_BYTES))
                    for place in range(1, 63):
                        stream.seek(size * place // 63)
                        digest.update(stream.read(_HASHED_BYTES // 16))
                    stream.seek(size - _HASHED_BYTES)
                digest.update(stream.read())
        hashes[part] = digest.hexdigest()
    return hashes


def revision_of(parts: Mapping[str, str]) -> str:
    """One short hash of all parts of a model."""
    return hashlib.sha256("\0".join(parts[part] for part in _PARTS).encode()).hexdigest()[:16]


def model_revision(folder: Path) -> str:
    """A short hash that changes when the weights, the configuration or the tokenizer change."""
    return revision_of(model_parts(folder))
