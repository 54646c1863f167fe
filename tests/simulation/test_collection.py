"""The cache of watched streams: what is kept is read back, and what is no cache is left alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from sentinel.errors import FatalError
from sentinel.simulation import collection
from sentinel.simulation.collection import collect, key_of
from sentinel.simulation.nuisances import Nuisances
from sentinel.simulation.plan import TrialPlan
from sentinel.simulation.runner import Watched
from tests.simulation.test_trials import PLAIN

SMALL = PLAIN | {"learner": "logistic", "n_train": 500, "n_validation": 500, "n_stream": 800, "n_features": 4}
PLANS = [
    TrialPlan("customers", "none", "clean", "small", 0.0, None, seed, Nuisances(**SMALL)) for seed in (1, 2)
]  # fmt: skip


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[Watched]]:
    """A cache of two streams as bytes, and what was yielded while it was written."""
    path = tmp_path_factory.mktemp("kept") / "cache"
    watched = list(collect(PLANS, cache=path, processes=1))
    return path.read_bytes(), watched


@pytest.fixture
def no_play(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Plays nothing, and remembers what was asked for."""
    asked: list[bytes] = []

    def record(item: tuple[bytes, TrialPlan]) -> tuple[bytes, bytes]:
        asked.append(item[0])
        raise InterruptedError

    monkeypatch.setattr(collection, "_play", record)
    return asked


def by_seed(watched: list[Watched]) -> list[Watched]:
    """In the order of the plans."""
    return sorted(watched, key=lambda one: one.planted.seed)


def test_what_is_kept_is_read_back_equal(
    kept: tuple[bytes, list[Watched]], tmp_path: Path, no_play: list[bytes]
) -> None:
    """A second run plays nothing and yields the same values, every look and number of them."""
    path = tmp_path / "cache"
    path.write_bytes(kept[0])
    assert by_seed(list(collect(PLANS, cache=path, processes=1))) == by_seed(kept[1])
    assert no_play == []
    assert path.read_bytes() == kept[0]


def test_only_what_is_wanted_is_yielded(
    kept: tuple[bytes, list[Watched]], tmp_path: Path, no_play: list[bytes]
) -> None:
    """A cache may hold more than is asked for."""
    path = tmp_path / "cache"
    path.write_bytes(kept[0])
    assert [one.planted.seed for one in collect(PLANS[1:], cache=path, processes=1)] == [2]
    assert no_play == []


def test_another_plan_is_another_stream() -> None:
    """A single changed nuisance changes the key; the same plan keeps it."""
    one = PLANS[0]
    other = TrialPlan("customers", "none", "clean", "small", 0.0, None, 1, Nuisances(**(SMALL | {"n_marks": 1})))
    assert key_of(one) == key_of(TrialPlan("customers", "none", "clean", "small", 0.0, None, 1, Nuisances(**SMALL)))
    assert len({key_of(one), key_of(PLANS[1]), key_of(other)}) == 3


def test_what_a_stopped_run_left_is_played_again(
    kept: tuple[bytes, list[Watched]], tmp_path: Path, no_play: list[bytes]
) -> None:
    """The second stream was cut off while it was written: the first is read, what is left of it goes, it is played."""
    path = tmp_path / "cache"
    path.write_bytes(kept[0][:-100])
    streams = collect(PLANS, cache=path, processes=1)
    assert next(streams) == kept[1][0]
    with pytest.raises(InterruptedError):
        next(streams)
    assert no_play == [key_of(PLANS[1])]
    assert kept[0].startswith(path.read_bytes())
    assert path.stat().st_size < len(kept[0]) - 100


def _flip(at: int) -> Callable[[bytes], bytes]:
    return lambda data: data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        _flip(200),  # inside the first stream
        _flip(16),  # its length, a little
        _flip(18),  # its length, beyond the end of the file
        lambda _: b"prediction_id,score\n1,0.5\n" * 40,
        lambda _: b"{}\n",
        lambda data: data[:10],
    ],
)
def test_a_damaged_or_foreign_file_is_said_and_left_alone(
    kept: tuple[bytes, list[Watched]], tmp_path: Path, no_play: list[bytes], damage: Callable[[bytes], bytes]
) -> None:
    """The file is named, nothing is played, and not a byte of it changes."""
    path = tmp_path / "cache"
    path.write_bytes(damage(kept[0]))
    with pytest.raises(FatalError, match=f"{re.escape(str(path))}: is damaged, of another version or no cache"):
        list(collect(PLANS, cache=path, processes=1))
    assert no_play == []
    assert path.read_bytes() == damage(kept[0])


@pytest.mark.parametrize(("name", "message"), [(".", "cannot read the cache"), ("no/cache", "cannot write the cache")])
def test_a_cache_that_cannot_be_used_is_told_before_the_work(
    tmp_path: Path, no_play: list[bytes], name: str, message: str
) -> None:
    """A folder, or a file in a folder that is not there, ends the run before a stream is played."""
    with pytest.raises(FatalError, match=message):
        list(collect(PLANS, cache=tmp_path / name, processes=1))
    assert no_play == []
