"""Token buckets and the house of connections: fair, and bounded in memory."""

from __future__ import annotations

import pytest

from sentinel.clock import ManualClock
from sentinel.exposition.buckets import Buckets, Rate, client_of
from sentinel.exposition.connections import Connections


class _Guest:
    def __init__(self, *, waiting: bool = True) -> None:
        self.waiting = waiting
        self.aborted = False

    def abort(self) -> None:
        """Note it."""
        self.aborted = True


def test_a_bucket_empties_and_fills() -> None:
    """Three at once, then one each half second; it never holds more than three."""
    clock, rate = ManualClock(), Rate(per_second=2.0, burst=3)
    buckets = Buckets(clock)
    assert [buckets.take("a", rate) for _ in range(5)] == [0.0, 0.0, 0.0, 0.5, 0.5]
    assert buckets.take("b", rate) == 0.0
    clock.advance(0.5)
    assert [buckets.take("a", rate) for _ in range(2)] == [0.0, 0.5]
    clock.advance(3_600)
    assert [buckets.take("a", rate) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    buckets.give_back("a")
    assert buckets.take("a", rate) == 0.0
    buckets.give_back("unknown")
    assert len(buckets) == 2


def test_buckets_are_bounded() -> None:
    """A million addresses take the room of ten; the one that was seen longest ago is forgotten."""
    buckets, rate = Buckets(ManualClock(), max_clients=10), Rate(per_second=1.0, burst=1)
    for n in range(10_000):
        assert buckets.take(f"client {n}", rate) == 0.0
    assert len(buckets) == 10
    assert buckets.take("client 9999", rate) == 1.0
    assert buckets.take("client 0", rate) == 0.0


def test_a_client_is_a_network_of_ipv6() -> None:
    """One subscriber's addresses share a bucket; what is no address is a client of its own."""
    assert client_of("2001:db8::1") == client_of("2001:db8::ffff") != client_of("2001:db8:0:1::1")
    assert client_of("fe80::1%eth0") == "fe80::"
    assert client_of("not:an:address") == "not:an:address"


@pytest.mark.parametrize("waiting", [True, False])
def test_a_full_house_shows_out_the_busiest_clients_oldest(waiting: bool) -> None:
    """Whoever holds one connection keeps it; of whoever holds most, one that only waits goes before one that works."""
    house = Connections(4)
    alone, first, second, third, newcomer = (_Guest(waiting=waiting) for _ in range(5))
    house.admit("quiet", alone)
    for guest in (first, second, third):
        house.admit("busy", guest)
    first.waiting = False
    house.admit("other", newcomer)
    assert len(house) == 4
    assert [guest.aborted for guest in (alone, newcomer)] == [False, False]
    assert [guest.aborted for guest in (first, second, third)] == [not waiting, waiting, False]
    house.release("busy", second)
    house.release("busy", third)
    house.release("quiet", alone)
    house.release("other", newcomer)
    house.release("busy", first)
    house.release("busy", first)
    assert len(house) == 0
    assert house.evicted == 1
