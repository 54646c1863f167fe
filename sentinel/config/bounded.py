"""Reading a small file that a configuration names, without trusting its size."""

from __future__ import annotations

from pathlib import Path

from sentinel.config.errors import ConfigError, Location


def read_bounded(path: Path, most: int, what: str, hint: str) -> bytes:
    """Read a file that is not larger than it may be.

    Parameters
    ----------
    path : Path
    most : int, bytes
        A wrong path does not fill memory: no more than one byte beyond this is read.
    what, hint : str
        For the message: what was to be read, and how to mend it.

    Raises
    ------
    ConfigError
        If it cannot be read, or is larger.
    """
    location = Location(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise ConfigError(f"cannot read {what}: {error.strerror}", hint=hint, location=location) from error
    if len(content) > most:
        raise ConfigError(f"is larger than {most} bytes", location=location)
    return content
