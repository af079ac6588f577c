"""What every stage of the schedule is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from omegaconf import OmegaConf

from int_verl.progress import StageProgress
from int_verl.run.run import Run
from int_verl.settings.compose import flatten


class Stage(ABC):
    """Reads files of earlier stages, leaves files of its own and a manifest in the folder of its name."""

    name: str
    does: str
    "One phrase, for --help and the plan."
    reads: tuple[str, ...]
    "Stages whose outputs it reads."
    settings: tuple[str, ...]
    "Configuration keys and sections that its outputs depend on."
    indifferent: ClassVar[tuple[str, ...]] = ()
    "Keys among them that the outputs do not depend on."
    fixed: ClassVar[tuple[str, ...]] = ()
    "Inputs that may not change in one folder: parts of the model at model.path."
    counts_events: ClassVar[str | None] = None
    "The event whose count is the position of the progress bar."

    def reads_in(self, run: Run) -> tuple[str, ...]:  # noqa: ARG002
        """`reads`, and what this run's settings add."""
        return self.reads

    @abstractmethod
    def inputs(self, run: Run) -> dict[str, str]:
        """Name -> hash of the content of everything it reads."""

    @abstractmethod
    def outputs(self, run: Run) -> dict[str, str]:
        """Name -> path in the run's folder."""

    @abstractmethod
    def total(self, run: Run) -> int | None:
        """Positions of the progress bar."""

    def check(self, run: Run) -> None:  # noqa: B027 - most stages have nothing of this kind
        """Refuse settings that could only fail later, before any stage of the schedule begins.

        Raises:
            UserError: naming the setting.
        """

    @abstractmethod
    def execute(self, run: Run, progress: StageProgress) -> dict[str, Any]:
        """Do the work, or go on with it, and return the counts for the manifest.

        Raises:
            UserError: something the user can mend.
            KeyboardInterrupt: stopped; everything finished so far is kept.
        """

    @abstractmethod
    def plan(self, run: Run) -> list[str]:
        """Lines for --dry-run: commands and figures."""

    def start_over(self, run: Run) -> None:  # noqa: B027 - most stages overwrite their files whole
        """Remove what an earlier execution with other settings left."""

    def settings_in(self, run: Run) -> dict[str, Any]:
        """Dotted key -> value of everything that the outputs depend on."""
        chosen: dict[str, Any] = {}
        for key in self.settings:
            value = OmegaConf.select(run.config, key)
            chosen |= flatten({key: OmegaConf.to_container(value) if OmegaConf.is_config(value) else value})
        return {key: value for key, value in chosen.items() if key not in self.indifferent}
