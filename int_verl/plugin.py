"""What verl loads first (entry-point group `verl.plugins`, verl/__init__.py:51): Hydra finds int_verl's configs.

Afterwards the stock entry points take the plugin's primaries and fragments:

    python -m verl.trainer.sft_trainer --config-name int_sft +int=cpu_sft ...
    python -m verl.trainer.main_ppo    --config-name int_grpo +int=cpu_grpo ...

verl swallows a plugin's exceptions at DEBUG level; `int-verl doctor` says whether this module was loaded.
"""

from __future__ import annotations

from pathlib import Path

from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

CONFIG_PATH = "pkg://int_verl.config"


class InterventionSearchPath(SearchPathPlugin):
    """Appends int_verl's configs to Hydra's search path: verl's own files keep precedence."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        if all(element.path != CONFIG_PATH for element in search_path.get_path()):
            search_path.append(provider="int_verl", path=CONFIG_PATH)


Plugins.instance().register(InterventionSearchPath)
# ${int_verl_file:config/agent_loops.yaml}: a file of this package, for keys that take only a path.
OmegaConf.register_new_resolver("int_verl_file", lambda name: str(Path(__file__).parent / name), replace=True)
