"""Token buckets: how often each client may do a thing, in bounded memory."""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict
from dataclasses import dataclass

from sentinel.clock import Clock

MAX_CLIENTS = 10_000  # the client that was seen longest ago is forgotten, which costs it nothing but its debt
_IPV6_BITS = 64  # one subscriber has at least as many addresses


@dataclass(frozen=True, slots=True)
class Rate:
    """What a bucket holds at most, and how fast it fills.

    Attributes
    ----------
    per_second : float, > 0
    burst : float, >= 1
    """

    per_second: float
    burst: float


class Buckets:
    """One bucket for each client. For one thread."""

    def __init__(self, clock: Clock, max_clients: int = MAX_CLIENTS) -> None:
        self._clock = clock
        self._max_clients = max_clients
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._levels)

    def take(self, client: str, rate: Rate) -> float:
        """Take one token.

        Returns
        -------
        float, seconds
            0 when there was one; else how long until there is.
        """
        now = self._clock.monotonic()
        level, at = self._levels.pop(client, (rate.burst, now))
        level = min(rate.burst, level + (now - at) * rate.per_second)
        taken = level >= 1.0
        self._levels[client] = (level - 1.0 if taken else level, now)
        if len(self._levels) > self._max_clients:
            self._levels.popitem(last=False)
        return 0.0 if taken else (1.0 - level) / rate.per_second

    def give_back(self, client: str) -> None:
        """Return a token that was taken for what turned out not to count."""
        if client in self._levels:
            level, at = self._levels[client]
            self._levels[client] = level + 1.0, at


def retry_after(seconds: float) -> str:
    """The value of a ``Retry-After`` header.

    Examples
    --------
    >>> retry_after(0.2)
    '1'
    """
    return str(max(1, math.ceil(seconds)))


def client_of(host: str) -> str:
    """What one client is: an IPv4 address, or the network of an IPv6 address.

    Examples
    --------
    >>> client_of("192.0.2.7"), client_of("2001:db8:1:2:3:4:5:6"), client_of("::ffff:192.0.2.7")
    ('192.0.2.7', '2001:db8:1:2::', '192.0.2.7')
    """
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, _IPV6_BITS), strict=False).network_address)
