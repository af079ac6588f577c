"""What every stage of the schedule is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from int_verl.console import SafeConsole
from int_verl.progress import StageProgress


class Stage(ABC):
    """Reads files of earlier stages, leaves files of its own and a manifest in the folder of its name.

    A stage is made with the parts of a run that it uses, and with no others.
    """

    name: str
    does: str
    "One phrase, for --help and the plan."
    depends_on: ClassVar[tuple[str, ...]]
    "Configuration keys and sections that its outputs depend on."
    indifferent: ClassVar[tuple[str, ...]] = ()
    "Keys and sections among them that the outputs do not depend on."
    fixed: ClassVar[tuple[str, ...]] = ()
    "Inputs that may not change in one folder: parts of the model at model.path."
    counts_events: ClassVar[str | None] = None
    "The event whose count is the position of the progress bar."

    @property
    @abstractmethod
    def reads(self) -> tuple[str, ...]:
        """Stages whose outputs it reads."""

    @abstractmethod
    def inputs(self) -> dict[str, str]:
        """Name -> hash of the content of everything it reads."""

    @abstractmethod
    def outputs(self) -> dict[str, str]:
        """Name -> path in the run's folder."""

    def goes_on(self, counts: Mapping[str, Any]) -> str | None:  # noqa: ARG002
        """Why there is more to do although it is done, by the counts of its manifest; None: there is not."""
        return None

    def total(self) -> int | None:
        """Positions of the progress bar; None: not known."""
        return None

    def check(self) -> None:  # noqa: B027 - most stages have nothing of this kind
        """Refuse settings that could only fail later, before any stage of the schedule begins.

        Raises:
            UserError: naming the setting.
        """

    def check_problems(self, progress: StageProgress) -> None:  # noqa: B027 - most stages take any
        """Refuse problems with which it could only fail, before any stage of the schedule begins.

        Raises:
            UserError: naming the file, or the setting.
        """

    def check_host(self) -> None:  # noqa: B027 - most stages need nothing of this kind
        """Refuse a machine on which it could only fail, before any stage of the schedule begins to work.

        Raises:
            UserError: naming what is wrong with it.
        """

    def which_ray(self) -> str | None:
        """What it does for a Ray, in words; None: it needs none."""
        return None

    @abstractmethod
    def execute(self, progress: StageProgress) -> dict[str, dict[str, Any]]:
        """Do the work, or go on with it.

        Returns:
            Stage -> counts for its manifest: this one's, and those of other stages that were made with it.

        Raises:
            UserError: something the user can mend.
            KeyboardInterrupt: stopped; everything finished so far is kept.
        """

    @abstractmethod
    def plan(self) -> list[str]:
        """Lines for --dry-run: commands and figures."""

    def preview(self, console: SafeConsole) -> None:  # noqa: B027 - most stages have nothing to show
        """Print what --dry-run shows below the plan."""

    def start_over(self) -> None:  # noqa: B027 - most stages overwrite their files whole
        """Remove what an earlier execution with other settings left."""
