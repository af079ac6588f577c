"""Any checkpoint as a folder in Hugging Face format, which an engine reads.

What is one already is used where it lies. Of all others a copy is made: a LoRA adapter is merged into its base model,
and the shards of verl's trainers are merged by verl's own `verl.model_merger`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from int_verl.doctor import require_verl
from int_verl.errors import UserError, first_line
from int_verl.files import link_folder, read_json, read_text, write_text
from int_verl.trainers.checkpoint import ADAPTERS, META, merge_adapters
from int_verl.trainers.pickles import named_beyond_data
from int_verl.trainers.verl_folder import TRACKER, checkpointed_step

_ADAPTER = "adapter_config.json"
_MADE_OF = "made_of.txt"
"In the copy: what it was made of, file by file."
_WEIGHTS = ("*.safetensors", "*.bin", "*.pt")


def as_model(name: str, copy: Path) -> str:
    """The folder of a model, or its hub name, by what a user calls it.

    Args:
        name: a folder in Hugging Face format, a hub name, the folder of a LoRA adapter (PEFT's), or one of verl's: of
            all checkpoints, of one (`global_step_N`), or of its `actor`.
        copy: where a copy may lie; one that lies there already and is of the same files is used.

    Raises:
        UserError: a checkpoint that is not whole, or that would run code.
    """
    folder = Path(name).expanduser()
    if not folder.is_dir():
        return name
    if (folder / _ADAPTER).is_file():
        return str(_copied(folder, copy, _merge_into_base))
    checkpoint = _checkpoint_in(folder)
    exported = checkpoint / "huggingface"
    if list(exported.glob("*.safetensors")):
        # Only the trainer's own save of a LoRA model leaves this; what int-verl trained is merged already.
        return str(_copied(exported, copy, _merge_exported) if (checkpoint / META).is_file() else exported)
    if list(checkpoint.glob("model_world_size_*_rank_*.pt")):
        return str(_copied(checkpoint, copy, _merge_shards))
    return name


def _checkpoint_in(folder: Path) -> Path:
    """verl's folder of shards and `huggingface`, below that of all checkpoints, of one, or itself."""
    if (folder / TRACKER).is_file():
        step = checkpointed_step(folder)
        if step is None:
            raise UserError(f"{folder}: its {TRACKER} names no checkpoint that is there; name a global_step_N")
        folder = folder / f"global_step_{step}"
    return folder / "actor" if (folder / "actor").is_dir() else folder


def _copied(source: Path, copy: Path, make: Callable[[Path, Path], None]) -> Path:
    """The model at `copy`, made of `source` unless it was."""
    made_of = "".join(f"{line}\n" for line in _listed(source))
    note = copy / _MADE_OF
    if not (note.is_file() and read_text(note) == made_of):
        partial = copy.with_name(f"{copy.name}.partial")
        for leftover in (partial, copy):
            shutil.rmtree(leftover, ignore_errors=True)
        partial.mkdir(parents=True)
        make(source, partial / "huggingface")
        write_text(partial / _MADE_OF, made_of)
        partial.rename(copy)
    return copy / "huggingface"


def _listed(source: Path) -> Iterator[str]:
    yield str(source.resolve())
    for file in sorted(file for pattern in _WEIGHTS for file in source.glob(pattern)):
        stat = file.stat()
        yield f"{file.name} {stat.st_size} {stat.st_mtime_ns}"


def _merge_exported(exported: Path, to: Path) -> None:
    link_folder(exported, to)
    shutil.copy2(exported.parent / META, to.parent / META)
    merge_adapters(to)


def _merge_into_base(adapter: Path, to: Path, base: str | None = None) -> None:
    base = base or read_json(adapter / _ADAPTER).get("base_model_name_or_path")
    if not base:
        raise UserError(
            f"{adapter / _ADAPTER}: names no base_model_name_or_path; write it there, or name a merged model"
        )
    from peft import PeftModel
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base, dtype="auto"), str(adapter))
        tokenizer = AutoTokenizer.from_pretrained(adapter if list(adapter.glob("tokenizer*")) else base)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        raise UserError(f"{adapter}: cannot be merged into its base model {base} ({first_line(error)})") from error
    model.merge_and_unload().save_pretrained(to)
    tokenizer.save_pretrained(to)


def _merge_shards(checkpoint: Path, to: Path) -> None:
    """By verl's model merger, which unpickles them."""
    for file in sorted(checkpoint.glob("model_world_size_*_rank_*.pt")):
        if found := named_beyond_data(file):
            raise UserError(
                f"{file}: loading it would run {found}, which is no part of a tensor; name another checkpoint"
            )
    require_verl()
    command = [sys.executable, "-m", "verl.model_merger", "merge", "--backend", "fsdp"]
    log = to.parent / "merge.log"
    with log.open("wb") as output:
        code = subprocess.call(
            [*command, "--local_dir", str(checkpoint), "--target_dir", str(to)], stdout=output, stderr=output
        )
    if code != 0:
        lines = log.read_text(errors="replace").strip().splitlines()
        said = lines[-1] if lines else f"exit code {code}"
        raise UserError(f"{checkpoint}: verl's model_merger cannot merge its shards ({said}); is the checkpoint whole?")
    if (to / ADAPTERS).is_dir():
        whole = to.with_name("with_adapters")
        _merge_into_base(to / ADAPTERS, whole, str(to))
        shutil.rmtree(to)
        whole.rename(to)
