"""Named values that wait for the commit, over those that have been committed."""

from __future__ import annotations

from typing import Protocol

from sentinel.pipeline.store.protocol import MAX_NAME_BYTES


class CommittedState(Protocol):
    """Where committed values are read from."""

    def get_state(self, name: str) -> bytes | None:
        """Return the committed value of the name, or None."""
        ...

    def state_names(self, prefix: str) -> list[str]:
        """Names with a committed value."""
        ...


class StateOverlay:
    """Pending values and deletions in front of the committed ones."""

    def __init__(self, committed: CommittedState) -> None:
        self._committed = committed
        self._pending: dict[str, bytes | None] = {}

    @property
    def pending(self) -> dict[str, bytes | None]:
        """What the next commit has to write; None deletes."""
        return self._pending

    def get(self, name: str) -> bytes | None:
        """Return the value of the name, pending before committed."""
        if name in self._pending:
            return self._pending[name]
        return self._committed.get_state(_checked(name))

    def put(self, name: str, value: bytes | None) -> None:
        """Keep a value, or None to delete, until the commit."""
        self._pending[_checked(name)] = None if value is None else bytes(value)

    def names(self, prefix: str) -> list[str]:
        """Names that hold a value, sorted."""
        names = set(self._committed.state_names(prefix))
        for name, value in self._pending.items():
            if value is None:
                names.discard(name)
            elif name.startswith(prefix):
                names.add(name)
        return sorted(names)

    def clear(self) -> None:
        """Forget what is pending: it has been committed or rolled back."""
        self._pending = {}


def _checked(name: str) -> str:
    if not 1 <= len(name.encode()) <= MAX_NAME_BYTES:
        raise ValueError(f"a state name has 1 to {MAX_NAME_BYTES} UTF-8 bytes: {name[:80]!r}")
    return name
