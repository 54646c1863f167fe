"""Which hash key the state was made with, so that ids hashed with one are never looked for with another."""

from __future__ import annotations

from pathlib import Path

from sentinel.app.owner import partition_directories
from sentinel.errors import StoreError
from sentinel.events.hash_key import HashKey

_FILE = "hash-key"
_NONE = "none"


def check_state_key(state: Path, key: HashKey | None) -> None:
    """See that what waits in the state directory was hashed with this key.

    State of versions that knew no key counts as made without one.

    Raises
    ------
    StoreError
        If it was hashed with another, or with none: no outcome would ever find its prediction.
    """
    if not partition_directories(state):
        return
    try:
        found = (state / _FILE).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        found = _NONE
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{state / _FILE}: cannot be read: {error}") from error
    if found != _named(key):
        raise StoreError(
            f"{state}: what waits here was hashed with {_shown(found)}, and state.hash_key is {_shown(_named(key))}: "
            "give the key that it was made with; or take an empty `state.directory` and a new baseline, and count "
            "again from what Kafka still holds"
        )


def note_state_key(state: Path, key: HashKey | None) -> None:
    """Write down the fingerprint of the key; the directory is there and ours.

    Raises
    ------
    StoreError
        If it cannot be written.
    """
    path = state / _FILE
    try:
        if not path.exists() or path.read_text(encoding="ascii").strip() != _named(key):
            path.write_text(f"{_named(key)}\n", encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path}: cannot be written: {error}") from error


def _named(key: HashKey | None) -> str:
    return _NONE if key is None else key.fingerprint


def _shown(name: str) -> str:
    return "no key" if name == _NONE else f"the key of fingerprint {name:.32}"
