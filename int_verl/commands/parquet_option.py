"""An option that names a parquet file to write."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from int_verl.errors import UserError


def _ends_in_parquet(_: click.Context, option: click.Parameter, path: Path | None) -> Path | None:
    if path is not None and path.suffix != ".parquet":
        raise UserError(f"{option.opts[0]} {path}: the name must end in .parquet")
    return path


PARQUET: dict[str, Any] = {"type": click.Path(path_type=Path), "callback": _ends_in_parquet}
"What `click.option` takes."
