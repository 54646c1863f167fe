"""Hands things on from a thread of its own: whoever puts them in goes on at once, and what waits is bounded."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

WRITTEN: Final = "written"
DROPPED: Final = "dropped"


class Outbox(Generic[Item]):
    """A queue, and the thread that empties it. Any thread may put things in and read the counts.

    Parameters
    ----------
    name : str
        Of the thread.
    deliver : callable
        (item) -> None once it is dealt with and counted, or the seconds after which to try it again. Called on the
        outbox's thread, with one item at a time, the oldest first. It must not raise.
    close : callable
        Called on that thread at its end.
    capacity : int, >= 1
        Items that may wait. Beyond, the oldest are dropped: the newest say what is.
    loses_rest : bool
        Whether what waits when it stops is lost, and counted as dropped; else the next start finds it by itself.
    """

    def __init__(
        self,
        name: str,
        deliver: Callable[[Item], float | None],
        close: Callable[[], object],
        *,
        capacity: int,
        loses_rest: bool,
    ) -> None:
        self._deliver = deliver
        self._close = close
        self._capacity = capacity
        self._loses_rest = loses_rest
        self._queue: deque[Item] = deque()
        self._changed = threading.Condition()
        self._idle = True
        self._halt = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._results: Counter[str] = Counter()

    @property
    def results(self) -> dict[str, int]:
        """What became of the items, by result, since the start."""
        with self._changed:
            return dict(self._results)

    def count(self, result: str, n: int = 1) -> None:
        """So many more with this result."""
        with self._changed:
            self._results[result] += n

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def put(self, item: Item) -> None:
        """Let an item wait for its turn. Never waits itself."""
        with self._changed:
            self._queue.append(item)
            self._make_room()
            self._changed.notify_all()

    def settled(self, timeout_seconds: float) -> bool:
        """Wait until nothing is left to do; False if that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: self._idle and not self._queue, timeout_seconds)

    def stop(self, timeout_seconds: float) -> bool:
        """Deliver what waits, as far as it goes in the time given, then end the thread in as much again. Idempotent.

        Returns
        -------
        bool
            Whether the thread has ended.
        """
        if not self._halt.is_set():
            self.settled(timeout_seconds)
        with self._changed:
            self._halt.set()
            if self._loses_rest:
                self._results[DROPPED] += len(self._queue)
                self._queue.clear()
            self._changed.notify_all()
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while (item := self._take()) is not None:
            wait_seconds = self._deliver(item)
            self._done(item, again=wait_seconds is not None)
            if wait_seconds is not None:
                self._halt.wait(wait_seconds)
        self._close()

    def _take(self) -> Item | None:
        with self._changed:
            self._changed.wait_for(lambda: bool(self._queue) or self._halt.is_set())
            if self._halt.is_set():
                return None
            self._idle = False
            return self._queue.popleft()

    def _done(self, item: Item, *, again: bool) -> None:
        with self._changed:
            if again and self._loses_rest and self._halt.is_set():
                self._results[DROPPED] += 1
            elif again:
                self._queue.appendleft(item)
                self._make_room()
            self._idle = True
            self._changed.notify_all()

    def _make_room(self) -> None:
        while len(self._queue) > self._capacity:
            self._queue.popleft()
            self._results[DROPPED] += 1
