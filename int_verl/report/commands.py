"""The commands of a run, as they can be typed again."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from int_verl.redaction import NOT_SHOWN
from int_verl.report.run_reader import RunReader, StageRecord
from int_verl.settings.published import public_name, published

LEFT_OUT = "..."
"In the place of a value that may hold a secret."


@dataclass(frozen=True, slots=True)
class Command:
    """A line of shell, and what it does."""

    does: str
    line: str


def commands(folder: RunReader, stages: Sequence[StageRecord]) -> list[Command]:
    """What made the run, as far as its manifests tell, and what goes on from it."""
    said = (stage.origin.get("command") for stage in stages)
    typed = dict.fromkeys(tuple(map(str, words)) for words in said if words and isinstance(words, list))
    found = [Command("What was typed; the same again goes on where it stopped.", _line(words)) for words in typed]
    place = shlex.quote(_place(folder.path))
    found += [
        Command("This report anew, from what the run has by then.", f"python -m int_verl.report {place}"),
        Command("How the run is.", f"int-verl status {place}"),
        Command("Rows of SFT, token by token, with the trained ones coloured.", f"int-verl sft show {place} --tokens"),
        Command("Beside another run, with paired differences.", f"int-verl compare {place} OTHER_RUN"),
    ]
    return found


def _line(words: Sequence[str]) -> str:
    shown = []
    for before, word in zip(("", *words), words, strict=False):
        key, equals, value = word.partition("=")
        if before == "--config":
            shown.append(_file(word))
        elif equals and not word.startswith("-"):
            shown.append(f"{key}={_value(key, value)}")
        else:
            shown.append(word)
    return " ".join(word if LEFT_OUT in word else shlex.quote(word) for word in shown)


def _value(key: str, text: str) -> str:
    if NOT_SHOWN in text:
        return LEFT_OUT
    try:
        parsed: Any = OmegaConf.to_container(OmegaConf.create(f"value: {text}"), resolve=False)
        value = parsed["value"]
    except (OmegaConfBaseException, YAMLError, TypeError, KeyError):
        return LEFT_OUT
    if key in ("run.dir", "run.name"):
        return _file(text)
    shown = published({key: value})
    return text if shown.get(key) == value else str(shown[key]) if key in shown else LEFT_OUT


def _file(path: str) -> str:
    """As typed where it lies below the working directory; elsewhere its last part, for it may name its owner."""
    plain = Path(path)
    return path if not plain.is_absolute() and ".." not in plain.parts and public_name(plain.name) else plain.name


def _place(path: Path) -> str:
    """Of the run's folder, from the working directory if it lies below that."""
    relative = os.path.relpath(path.resolve())
    return path.resolve().name if relative.startswith("..") else relative
