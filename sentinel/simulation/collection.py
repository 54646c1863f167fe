"""Watched streams, many of them: played by a few processes, kept in a file so that none is played twice."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from sentinel import __version__
from sentinel.clock import MICROSECONDS_PER_SECOND
from sentinel.errors import FatalError
from sentinel.simulation.runner import Planted, Watched, watch
from sentinel.simulation.trials import TrialPlan, play

if TYPE_CHECKING:
    from sentinel.simulation.scenario import SimulatedStream

_LENGTH: Final = struct.Struct("<I")
_KEY_BYTES: Final = 16
_HEAD_BYTES: Final = _KEY_BYTES + _LENGTH.size
Progress = Callable[[int, int], None]


def key_of(plan: TrialPlan) -> bytes:
    """Name a plan: the same plan, the same stream, as this version watches it."""
    return hashlib.sha256(f"{plan!r} {_form()}".encode()).digest()[:_KEY_BYTES]


@cache
def _form() -> str:
    """The version, and what is kept of a stream: evidence that is new is not read from an old file."""
    return f"{__version__} {msgspec.json.schema(Watched)}"


def run_trial(plan: TrialPlan) -> Watched:
    """Play one plan and watch it."""
    simulated = play(plan)
    return watch(simulated, planted_of(plan, simulated))


def planted_of(plan: TrialPlan, simulated: SimulatedStream) -> Planted:
    """The truth of a played plan, as it is kept."""
    truth = simulated.truth
    onset = truth.onset
    return Planted(
        generator=plan.generator,
        name=simulated.scenario,
        seed=plan.seed,
        cause=truth.cause,
        second=truth.second_cause,
        variant=truth.variant,
        severity=truth.severity,
        culprits=tuple(truth.culprits),
        offline_auc=truth.offline_auc,
        online_auc=truth.online_auc,
        onset_us=None if onset is None else _microseconds(onset),
        honest_auc=truth.honest_auc,
    )


def collect(
    plans: Sequence[TrialPlan], *, cache: Path | None = None, processes: int = 2, progress: Progress | None = None
) -> Iterator[Watched]:
    """Play the plans that the cache does not hold, and yield them all, in no particular order.

    Parameters
    ----------
    plans : sequence of TrialPlan
    cache : Path, optional
        Read first and added to. A stream that a stopped run left unfinished at its end is cut off and played again.
    processes : int, >= 1
    progress : callable, optional
        Told (streams done, streams in all).

    Yields
    ------
    Watched

    Raises
    ------
    FatalError
        If the cache cannot be read or written, is damaged, or is no cache: it is left as it is.
    """
    wanted = {key_of(plan): plan for plan in plans}
    n_done = 0
    for key, watched in _cached(cache):
        if wanted.pop(key, None) is not None:
            n_done += 1
            yield watched
    if cache is not None and wanted:
        _append(cache, b"")  # a file that cannot be written is told before the work, not after
    for key, data in _played(wanted, processes):
        if cache is not None:
            _append(cache, key + _LENGTH.pack(len(data)) + data)
        n_done += 1
        if progress is not None:
            progress(n_done, len(plans))
        yield _decode(data)


def _played(wanted: dict[bytes, TrialPlan], processes: int) -> Iterator[tuple[bytes, bytes]]:
    if not wanted:
        return
    if processes == 1:
        yield from map(_play, wanted.items())
        return
    # Spawned, not forked: the libraries below keep threads of their own.
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes) as pool:
        yield from pool.imap_unordered(_play, wanted.items())


def _play(item: tuple[bytes, TrialPlan]) -> tuple[bytes, bytes]:
    key, plan = item
    return key, zlib.compress(msgspec.msgpack.encode(run_trial(plan)), 6)


def _decode(data: bytes) -> Watched:
    inflate = zlib.decompressobj()
    plain = inflate.decompress(data)
    if not inflate.eof or inflate.unused_data:
        raise zlib.error("a stream of another length than its head says")
    return msgspec.msgpack.decode(plain, type=Watched)


def _cached(cache: Path | None) -> Iterator[tuple[bytes, Watched]]:
    if cache is None or not cache.exists():
        return
    try:
        data = cache.read_bytes()
    except OSError as error:
        raise FatalError(f"{cache}: cannot read the cache: {error.strerror or error}") from error
    at = 0
    while at + _HEAD_BYTES <= len(data):
        key = data[at : at + _KEY_BYTES]
        (length,) = _LENGTH.unpack_from(data, at + _KEY_BYTES)
        start = at + _HEAD_BYTES
        if start + length > len(data):
            break
        try:
            watched = _decode(data[start : start + length])
        except (zlib.error, msgspec.MsgspecError) as error:
            raise _unusable(cache) from error
        yield key, watched
        at = start + length
    if at < len(data):
        _cut(cache, data, at)


def _cut(cache: Path, data: bytes, at: int) -> None:
    """Cut off what a stopped run left, and nothing else: the beginning of one more stream."""
    inflate = zlib.decompressobj()
    try:
        inflate.decompress(data[at + _HEAD_BYTES :])
    except zlib.error as error:
        raise _unusable(cache) from error
    if inflate.eof or (at == 0 and len(data) <= _HEAD_BYTES):
        raise _unusable(cache)
    try:
        os.truncate(cache, at)
    except OSError as error:
        raise FatalError(f"{cache}: cannot write the cache: {error.strerror or error}") from error


def _unusable(cache: Path) -> FatalError:
    return FatalError(f"{cache}: is damaged, of another version or no cache of streams: delete it or name another file")


def _append(cache: Path, record: bytes) -> None:
    try:
        with cache.open("ab") as file:
            file.write(record)
    except OSError as error:
        raise FatalError(f"{cache}: cannot write the cache: {error.strerror or error}") from error


def _microseconds(at: datetime) -> int:
    return round(at.timestamp() * MICROSECONDS_PER_SECOND)
