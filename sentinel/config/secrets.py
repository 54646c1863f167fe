"""A value that is used but never shown."""

from __future__ import annotations

import hmac
from pathlib import Path

REDACTED = "<secret>"
MAX_SECRET_BYTES = 65_536  # far above any password or key passphrase; keeps a wrong path from filling memory


class Secret:
    """Text that prints as ``<secret>`` wherever it lands; only ``reveal`` gives it away."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself, for the one call that has to hand it to a client."""
        return self._value

    def __str__(self) -> str:
        return REDACTED

    def __repr__(self) -> str:
        return REDACTED

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))


def read_secret(path: Path) -> Secret:
    """Read a secret from a file; one trailing newline, as editors leave, is not part of it.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is empty, not UTF-8 text, or too large to be a secret.
    """
    with path.open("rb") as file:
        content = file.read(MAX_SECRET_BYTES + 1)
    if len(content) > MAX_SECRET_BYTES:
        raise ValueError(f"is larger than {MAX_SECRET_BYTES} bytes")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        # The cause would quote the bytes of the secret.
        raise ValueError("is not UTF-8 text") from None
    text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise ValueError("is empty")
    return Secret(text)
