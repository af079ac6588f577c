"""A model's tokenizer and chat template, as the generator needs them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from int_verl.errors import UserError
from int_verl.generate.thinking import opened_in

_HASHED_BYTES = 1 << 20


class ChatCodec:
    """Text to token ids and back, and chat prompts as token ids.

    Args:
        path: folder of a model in Hugging Face format.

    Raises:
        UserError: no model or no chat template there.
    """

    def __init__(self, path: Path) -> None:
        # Read when transformers is imported; it would speak of image processors that no text model has.
        os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
        from transformers import AutoTokenizer

        try:
            self.tokenizer: Any = AutoTokenizer.from_pretrained(str(path))
        except (OSError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise UserError(f"model.path={path}: no tokenizer can be loaded from it ({reason})") from error
        if not self.tokenizer.chat_template:
            raise UserError(f"model.path={path}: the tokenizer has no chat template; set one in tokenizer_config.json")
        self.end_ids = frozenset(end_token_ids(path, self.tokenizer.eos_token_id))
        # transformers' own call and decode take twice the time, most of it in Python and under the interpreter's lock.
        self._backend: Any = getattr(self.tokenizer, "backend_tokenizer", None)
        if self._backend is not None:
            self._backend.no_truncation()
            self._backend.no_padding()

    @cached_property
    def opened_thinking(self) -> str:
        """`<think>` if the chat template opens the model's thinking in the prompt, else nothing."""
        return opened_in(self._apply_template([{"role": "user", "content": "."}]))

    def encode(self, text: str) -> list[int]:
        if self._backend is not None:
            return list(self._backend.encode(text, add_special_tokens=False).ids)
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    def decode(self, token_ids: Sequence[int]) -> str:
        if self._backend is not None:
            return str(self._backend.decode(list(token_ids), skip_special_tokens=False))
        return str(
            self.tokenizer.decode(list(token_ids), skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )

    def prompt_ids(self, *contents: str) -> tuple[int, ...]:
        """Token ids of a chat that alternates user and assistant, ready for the assistant's next turn."""
        messages = [
            {"role": "assistant" if i % 2 else "user", "content": content} for i, content in enumerate(contents)
        ]
        return tuple(self.encode(self._apply_template(messages)))

    def _apply_template(self, messages: list[dict[str, str]]) -> str:
        try:
            return str(self.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
        except TemplateError as error:
            raise UserError(f"{self.tokenizer.name_or_path}: its chat template fails ({error}); mend it") from error

    def without_end(self, token_ids: Sequence[int]) -> tuple[int, ...]:
        """A completion's tokens without the end token, if it closed with one."""
        return tuple(token_ids[:-1] if token_ids and token_ids[-1] in self.end_ids else token_ids)


def end_token_ids(path: Path, eos_token_id: int | None) -> set[int]:
    """All tokens that end a turn: the tokenizer's and those of generation_config.json."""
    ids = {eos_token_id} if eos_token_id is not None else set()
    file = path / "generation_config.json"
    if file.is_file():
        listed = json.loads(file.read_text()).get("eos_token_id")
        ids |= set(listed) if isinstance(listed, list) else {listed} if listed is not None else set()
    return ids


def local_model(name: str, download: bool = True, key: str = "model.path") -> Path:
    """The folder of a model given by path or by hub name.

    Args:
        key: the setting that names it, for errors.
        download: a model of the hub that is not on this machine yet; otherwise its name stands for its folder.

    Raises:
        UserError: neither a folder with a config.json nor a name that the hub or its cache knows.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / "config.json").is_file():
            raise UserError(f"{key}={name}: the folder has no config.json; give a Hugging Face checkpoint")
        return folder.resolve()
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise UserError(f"{key}={name}: no such folder; give a checkpoint's folder or a hub name")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=not download))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        if not download:
            return Path(name)
        raise UserError(
            f"{key}={name}: no such folder here, and the hub does not answer for it "
            f"({type(error).__name__}); give a local folder"
        ) from error


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
