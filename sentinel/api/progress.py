"""How much is done, told to whoever called."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float], None]
"""Told how much is done, 0 to 1."""


def by_steps(progress: Progress | None) -> Callable[[int, int, str], None] | None:
    """The same for work that counts its steps: (done, of how many, in which phase)."""
    return None if progress is None else lambda done, total, _: progress(done / max(total, 1))
