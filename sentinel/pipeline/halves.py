"""Requests and responses wait for each other: part of the partition's state, so that no crash loses a half.

The rules, exactly:

* A pair counts at the offset of its later half, in whichever order the halves come, and whatever lies between them.
* A half waits as long as the limits say, in the event time of halves; then it is a dead letter. The same for the
  oldest where too many wait.
* A second half of the same side is a dead letter; the first one stays.

All of it follows the order of the log, half by half, so that no cut into batches and no restart shows in the counts.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

import msgspec

from sentinel.errors import CorruptArtifactError
from sentinel.events.batch import DeadLetter, Predictions, Reason
from sentinel.events.halves import Half, Halves, Pair, WaitLimits
from sentinel.pipeline.hold import NEVER
from sentinel.pipeline.store.protocol import JoinStore
from sentinel.pipeline.tally import Tally

_HALF, _CLOCK = "half/", "halves_clock"
_OVERHEAD_BYTES = 300
"""What a waiting half takes in memory beside its body."""
_SLACK = 1_000
"""Entries of paired halves that the queue may hold before it is made anew."""


class HalfJoin:
    """The halves of one partition that wait.

    Parameters
    ----------
    partition : int
    store : JoinStore
        Restored from; written to by :meth:`save`, within the caller's transaction.
    tally : Tally
        Told how many wait.

    Raises
    ------
    CorruptArtifactError
        If what was stored cannot be read.
    """

    def __init__(self, partition: int, store: JoinStore, tally: Tally) -> None:
        self._partition, self._store, self._tally = partition, store, tally
        self._waiting: dict[str, tuple[int, Half]] = {}  # in the order of the log
        self._queue: list[tuple[int, int, str]] = []  # (event time, number, pair); may name halves that are gone
        self._n_bytes = 0
        self._clock = NEVER
        self._next = 0
        self._unsaved: set[int] = set()
        self._gone: set[int] = set()
        self._restore()

    def __len__(self) -> int:
        return len(self._waiting)

    def take(self, halves: Halves | None) -> tuple[Sequence[Predictions], list[DeadLetter]]:
        """Take the halves of one batch in.

        Returns
        -------
        predictions : sequence of Predictions
            Of the pairs that are complete now.
        dead_letters : list of DeadLetter
        """
        if halves is None:
            return (), []
        pairs: list[Pair] = []
        letters: list[DeadLetter] = []
        for half in halves.rows:
            self._clock = max(self._clock, half.at)
            self._let_go_of_old(halves.limits, letters)
            self._meet(half, pairs, letters)
            self._let_go_of_many(halves.limits, letters)
        self._tally.n_halves_waiting = len(self._waiting)
        if not pairs:
            return (), letters
        completed = halves.complete(self._partition, pairs)
        return completed.predictions, [*letters, *completed.dead_letters]

    def save(self) -> None:
        """Write what changed since the last time into the open transaction; the caller commits."""
        for number in self._gone:
            self._store.put_state(_name(number), None)
        if self._unsaved:
            for number, half in self._waiting.values():
                if number in self._unsaved:
                    self._store.put_state(_name(number), msgspec.msgpack.encode(half))
        if self._gone or self._unsaved or self._clock != NEVER:
            self._store.put_state(_CLOCK, msgspec.msgpack.encode((self._clock, self._next)))
        self._gone.clear()
        self._unsaved.clear()

    def _meet(self, half: Half, pairs: list[Pair], letters: list[DeadLetter]) -> None:
        found = self._waiting.get(half.pair)
        if found is None:
            self._wait(half)
        elif found[1].side == half.side:
            detail = f"a {half.side} of the same id waits already; the first one stays"
            letters.append(half.dead_letter(self._partition, Reason.DUPLICATE, detail))
        else:
            other = self._pop(half.pair)
            pairs.append(Pair(half, other) if half.side == "request" else Pair(other, half))

    def _wait(self, half: Half) -> None:
        number, self._next = self._next, self._next + 1
        self._waiting[half.pair] = number, half
        self._n_bytes += len(half.body) + _OVERHEAD_BYTES
        self._unsaved.add(number)
        heapq.heappush(self._queue, (half.at, number, half.pair))

    def _pop(self, pair: str) -> Half:
        number, half = self._waiting.pop(pair)
        self._n_bytes -= len(half.body) + _OVERHEAD_BYTES
        if number in self._unsaved:
            self._unsaved.discard(number)
        else:
            self._gone.add(number)
        if len(self._queue) > 2 * len(self._waiting) + _SLACK:
            self._queue = [(half.at, number, pair) for pair, (number, half) in self._waiting.items()]
            heapq.heapify(self._queue)
        return half

    def _let_go_of_old(self, limits: WaitLimits, letters: list[DeadLetter]) -> None:
        while self._queue and self._queue[0][0] + limits.wait_us < self._clock:
            _, number, pair = heapq.heappop(self._queue)
            found = self._waiting.get(pair)
            if found is not None and found[0] == number:
                detail = (
                    f"its {_other(found[1])} did not come within {limits.wait_us // 1_000_000} s, or came before it"
                )
                letters.append(self._pop(pair).dead_letter(self._partition, Reason.UNPAIRED, detail))

    def _let_go_of_many(self, limits: WaitLimits, letters: list[DeadLetter]) -> None:
        while self._waiting and (len(self._waiting) > limits.most or self._n_bytes > limits.most_bytes):
            pair, (_, half) = next(iter(self._waiting.items()))
            detail = f"its {_other(half)} did not come before too many others waited (pairs_waiting)"
            letters.append(self._pop(pair).dead_letter(self._partition, Reason.UNPAIRED, detail))

    def _restore(self) -> None:
        stored = self._store.get_state(_CLOCK)
        if stored is None:
            return
        try:
            self._clock, self._next = msgspec.msgpack.decode(stored, type=tuple[int, int])
            for name in self._store.state_names(_HALF):
                number = int(name.removeprefix(_HALF), 16)
                half = msgspec.msgpack.decode(self._store.get_state(name) or b"", type=Half)
                self._waiting[half.pair] = number, half
                self._n_bytes += len(half.body) + _OVERHEAD_BYTES
        except (msgspec.MsgspecError, ValueError) as error:
            raise CorruptArtifactError(
                f"partition {self._partition}: a waiting request or response cannot be read: {error}; "
                "remove its directory to rebuild it from the log"
            ) from error
        self._queue = [(half.at, number, pair) for pair, (number, half) in self._waiting.items()]
        heapq.heapify(self._queue)


def _name(number: int) -> str:
    return f"{_HALF}{number:016x}"


def _other(half: Half) -> str:
    return "response" if half.side == "request" else "request"
