"""What verl's Hydra makes of a trainer's arguments, composed without importing verl."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from omegaconf import DictConfig

from int_verl.errors import UserError, first_line
from int_verl.redaction import redact


def composed(primary: str, arguments: Sequence[str], named: str) -> DictConfig | None:
    """The configuration that verl's trainer starts with, its interpolations not yet resolved.

    Args:
        primary: the config to start from, verl's or one of `int_verl.config`.
        arguments: `key=value` as on the trainer's command line.
        named: the setting that the arguments come from, for the message.

    Returns:
        None where this cannot be told: verl is not installed, or a config takes part that only another of its plugins
        makes known.

    Raises:
        UserError: verl would refuse the arguments.
    """
    from hydra import compose, initialize_config_dir
    from hydra.errors import HydraException, MissingConfigException

    import int_verl.plugin  # noqa: F401 - our configs

    verl = find_spec("verl")
    if verl is None or not verl.submodule_search_locations:
        return None
    folder = Path(verl.submodule_search_locations[0]) / "trainer/config"
    try:
        with initialize_config_dir(str(folder), version_base=None):
            return compose(primary, overrides=[one for one in arguments if not one.startswith("hydra.")])
    except MissingConfigException:
        return None
    except HydraException as error:
        hint = " A new key is added with +key=value." if "Could not override" in str(error) else ""
        raise UserError(f"{named}: verl refuses them: {redact(first_line(error))}{hint}") from error
