"""What the command line says in one line: the user can mend it, or the same command goes on later."""


def first_line(error: BaseException) -> str:
    """What another library's error says, in one line; the error's name if it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


class UserError(ValueError):
    """A mistake in input, settings or set-up.

    The message is one line that names the file, row, key or flag and the remedy. The CLI prints it and exits with 2.
    """


class RefusedRequestError(UserError):
    """This request cannot be answered, and could not the next time: its server says so, or its text does."""


class EngineError(RuntimeError):
    """The engine cannot go on; everything finished so far is kept, and the run can be resumed."""


class DeadEngineError(EngineError):
    """The engine answers nothing more; the same one, opened again, may."""


class TransientEngineError(EngineError):
    """One request failed where the same request may succeed when it is made again."""


class LostRequestError(EngineError):
    """One request was given up, within the share of them that may be; the message has the engine's words."""


class TrainerError(RuntimeError):
    """The trainer failed; the message is one line with the cause, the remedy and the log's path."""
