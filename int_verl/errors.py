"""The one exception that means: the user can mend this."""


class UserError(ValueError):
    """A mistake in input, settings or set-up.

    The message is one line that names the file, row, key or flag and the remedy. The CLI prints it and exits with 2.
    """
