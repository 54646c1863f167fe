"""Three faults of kafka-python 3.0.12, mended from outside: two silence a partition for ever, one leaks sockets.

The first two need attributes that the client keeps to itself; there is no public way. The pin ``kafka-python <3.1``
and the tests named below hold all in place: they fail without the mends, and by them one sees when a release needs
none.
"""

from __future__ import annotations

import socket
from typing import Any

from kafka import KafkaConsumer
from kafka.net.inet import KafkaNetSocket

DIRECT = "direct://"
"""What ``proxy_url`` has to be for :class:`ClosingSocket`; no proxy is used."""


class ClosingSocket(KafkaNetSocket):  # type: ignore[misc]
    """Connects as the client does without a proxy, and closes the socket of an attempt that fails.

    The client leaves it to the garbage collector, one each time it finds a broker away. Test: a broker restart in
    the middle loses nothing.
    """

    SCHEMES = ("direct",)

    async def sock_connect(
        self, net: Any, sock: socket.socket, sockaddr: Any, timeout_at: float | None = None
    ) -> socket.socket:
        """Connect, or close."""
        try:
            connected: socket.socket = await super().sock_connect(net, sock, sockaddr, timeout_at=timeout_at)
        except BaseException:
            sock.close()
            raise
        return connected


def mend(consumer: KafkaConsumer) -> None:
    """Set right what the client may have left behind; call it on the loop's thread before each poll."""
    _release_parked(consumer)
    _finish_rebalance(consumer)


def _release_parked(consumer: KafkaConsumer) -> None:
    """Return to reading what was put aside when its partition was paused in the middle of a fetch.

    The client takes such records up again only while the fetch being read is None, and one that was read to its end
    is not None but empty. Test: a paused partition holds back and loses nothing.
    """
    fetcher = consumer._fetcher
    if fetcher._paused_partition_records and not fetcher._next_partition_records:
        fetcher._next_partition_records = None


def _finish_rebalance(consumer: KafkaConsumer) -> None:
    """Go on with a rebalance that a poll left behind when its time was over.

    A rebalance that new metadata caused is no longer called for once the leader has computed the new assignment; if
    no poll is waiting at that moment, none ever fetches the result: the member sends no more heartbeats and all its
    partitions stay closed. Test: partitions that are added are gained.
    """
    coordinator = consumer._coordinator
    if coordinator.rejoining and not coordinator.need_rejoin():
        coordinator.request_rejoin()
