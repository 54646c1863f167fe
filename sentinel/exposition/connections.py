"""How many connections are held: a full house shows out the oldest guest of whoever brought the most."""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol


class Held(Protocol):
    """A connection, as far as the house cares."""

    @property
    def waiting(self) -> bool:
        """Whether it is idle, or has not even asked: nothing is lost with it."""
        ...

    def abort(self) -> None:
        """Close it now, unsent bytes and all."""
        ...


class Connections:
    """The connections of one server. For its event loop's thread.

    A newcomer is always let in, so a probe gets through however many connections others hold open.

    Parameters
    ----------
    limit : int
        How many are held.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._clients: dict[str, OrderedDict[Held, None]] = {}
        self._n = 0
        self.evicted = 0

    def __len__(self) -> int:
        return self._n

    def admit(self, client: str, connection: Held) -> None:
        """Hold one more; above the limit, one of the busiest client's is aborted first: a waiting one if it can be."""
        if self._n >= self._limit:
            busiest = max(self._clients, key=lambda each: len(self._clients[each]))
            held = self._clients[busiest]
            victim = next((one for one in held if one.waiting), next(iter(held)))
            self.release(busiest, victim)
            self.evicted += 1
            victim.abort()
        self._clients.setdefault(client, OrderedDict())[connection] = None
        self._n += 1

    def release(self, client: str, connection: Held) -> None:
        """It has ended. A second call does nothing."""
        held = self._clients.get(client)
        if held is None or connection not in held:
            return
        del held[connection]
        self._n -= 1
        if not held:
            del self._clients[client]
