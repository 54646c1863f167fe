"""Whatever is started registers its stop on the next line; stopping runs them in reverse and reports each failure."""

from __future__ import annotations

from collections.abc import Callable

from sentinel.logs import get_logger

log = get_logger(__name__)


class Stops:
    """A stack of named stops. Running it twice does nothing the second time."""

    def __init__(self) -> None:
        self._stops: list[tuple[str, Callable[[], object]]] = []

    def add(self, name: str, stop: Callable[[], object]) -> None:
        """Register how to stop what was just started; an answer of False says that it did not stop."""
        self._stops.append((name, stop))

    def run(self) -> bool:
        """Stop everything, last started first.

        Returns
        -------
        bool
            True if every stop succeeded: none raised, which is logged, and none answered False.
        """
        succeeded = True
        while self._stops:
            name, stop = self._stops.pop()
            try:
                succeeded &= stop() is not False
            except Exception:
                log.exception("stop_failed", part=name)
                succeeded = False
        return succeeded
