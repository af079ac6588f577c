"""What a recipe, which somebody else may have written, may take from the environment of who runs it.

A key belongs to a server, so a recipe that names a server may name the variable that holds its key; it may not name the
variables that hold something else, and send those. Nor may a key stand where a name or a path does, from where it would
get into file names, messages and requests.
"""

from __future__ import annotations

import os
import re

from omegaconf import DictConfig, OmegaConf

from int_verl.errors import UserError
from int_verl.settings.environment import variables
from int_verl.settings.secrets import FREE_FORM, is_below, leaves, looks_secret

ALLOWED = "INT_VERL_KEYS"
"Names further variables, separated by commas, that the settings may send to servers."
_SERVERS = ("engine.base_urls", "proposer.engine.base_urls")
_KEYS_OF_SERVERS = (
    *("engine.api_key_env", "proposer.engine.api_key_env"),
    *("grader.reward_kwargs.api_key_env", "rl.reward_kwargs.api_key_env"),
)
_KEY = re.compile(r"\w*(KEY|TOKEN|PASSWORD|PASSWD)", re.IGNORECASE)
_PLACE = re.compile(r"(\w*_)?(HOST|HOSTNAME|PORT|ADDR|ADDRESS|NODE|SERVER|BASE_URL|USER|USERNAME)S?\d*", re.IGNORECASE)
_OF_OTHERS = re.compile(
    r"(AWS|AZURE|GOOGLE|GCP|GCLOUD|GITHUB|GH|GITLAB|CI|HF|HUGGING|HUGGINGFACE|WANDB|NPM|PYPI|TWINE|DOCKER|SSH|GPG|VAULT"
    r"|DB|DATABASE|POSTGRES\w*|PG\w*|MYSQL|REDIS)_|\w*(SECRET|PRIVATE|ACCESS_?KEY|SESSION|SIGNING|ENCRYPTION)",
    re.IGNORECASE,
)
"Keys of other services than a model's server."


def check_variables(config: DictConfig) -> None:
    """Refuse what a recipe need not take from the environment.

    Raises:
        UserError: naming the setting and the variable.
    """
    for key, value in leaves("", OmegaConf.to_container(config, resolve=False)):
        if not isinstance(value, str):
            continue
        if key in _KEYS_OF_SERVERS:
            _check_key(key, value)
        for name in variables(value):
            if key in _SERVERS and not (_PLACE.fullmatch(name) or _may_be_sent(name)):
                raise UserError(
                    f"{key}: ${name} would be sent to this server, but is not named as a server or its key "
                    f"is; if it is one, say so with {ALLOWED}={name} in the environment"
                )
            if key not in _SERVERS and looks_secret(name) and not is_below(key, FREE_FORM):
                raise UserError(
                    f"{key}: ${name} looks like a key's variable, and this setting is shown and written; "
                    f"only {', '.join(FREE_FORM)} and engine.base_urls may have one"
                )


def _check_key(key: str, name: str) -> None:
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise UserError(f"{key}: give the name of the environment variable that holds the key, not the key")
    if not _may_be_sent(name):
        raise UserError(
            f"{key}={name}: this variable would be sent to the server, but is not named "
            f"as a server's key is (..._API_KEY, ..._TOKEN); if it is one, say so with {ALLOWED}={name} in "
            "the environment"
        )


def _may_be_sent(name: str) -> bool:
    allowed = {allowed.strip() for allowed in os.environ.get(ALLOWED, "").split(",")}
    return name in allowed or bool(_KEY.fullmatch(name) and not _OF_OTHERS.match(name))
