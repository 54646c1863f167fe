"""What became of every event, counted: part of the checkpoint, so a crash never counts an event twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from sentinel.events.batch import DeadLetter

ACCEPTED, DUPLICATE, DEAD_LETTER = "accepted", "duplicate", "dead_letter"
JOINED, CORRECTED, LATE, STALE = "joined", "corrected", "late", "stale"
EMPTY, PASSED_OVER = "empty", "passed_over"
MATURED, UNJOINED, ASSUMED_NEGATIVE = "matured", "unjoined", "assumed_negative"
ORPHANED, RETIRED = "orphaned", "retired"


class _Stored(msgspec.Struct, array_like=True):
    """A tally as it is stored; what a release before did not know yet has a default."""

    events: Sequence[tuple[str, str, int]]
    models: Sequence[tuple[str, str, str, int]]
    dead_letters: Sequence[tuple[str, int]]
    n_waiting: int
    n_backfills_waiting: int = 0
    n_halves_waiting: int = 0


class Tally:
    """Counters of one input partition.

    ``events[kind, result]`` and ``n_waiting`` add up to the events read: an outcome is counted once its fate is known,
    until then it is one of the ``n_waiting`` whose prediction is not here. So the counts are the same whichever of the
    two came first. Backfills wait apart, as ``n_backfills_waiting``; requests and responses that were logged apart wait
    for each other as ``n_halves_waiting``, and are counted as the predictions that they become.
    ``models[model, version, name]`` splits what can be told apart by model version.
    ``dead_letters[reason]`` says why events were refused.
    """

    def __init__(self) -> None:
        self.events: Counter[tuple[str, str]] = Counter()
        self.models: Counter[tuple[str, str, str]] = Counter()
        self.dead_letters: Counter[str] = Counter()
        self.n_waiting = 0
        self.n_backfills_waiting = 0
        self.n_halves_waiting = 0

    def refuse(self, letters: Iterable[DeadLetter]) -> None:
        """Count dead letters."""
        for letter in letters:
            self.events[letter.kind, DEAD_LETTER] += 1
            self.dead_letters[letter.reason] += 1

    def count(self, kind: str, result: str, n: int, key: tuple[str, str] | None = None) -> None:
        """Count n events of a kind; with a model version also there, as ``kind_result``."""
        if n:
            self.events[kind, result] += n
            if key is not None:
                self.models[*key, f"{kind}_{result}"] += n

    def note(self, key: tuple[str, str], name: str, n: int) -> None:
        """Count what befell predictions of a model version later on."""
        if n:
            self.models[*key, name] += n

    def to_bytes(self) -> bytes:
        """Encode for the checkpoint; equal tallies have equal bytes."""
        events, models = (sorted((*key, n) for key, n in counter.items()) for counter in (self.events, self.models))
        letters = sorted(self.dead_letters.items())
        stored = _Stored(events, models, letters, self.n_waiting, self.n_backfills_waiting, self.n_halves_waiting)
        return msgspec.msgpack.encode(stored)

    @classmethod
    def from_bytes(cls, data: bytes) -> Tally:
        """Read what :meth:`to_bytes` wrote, in this release or in one that counted less.

        Raises
        ------
        msgspec.MsgspecError
            If the bytes are something else.
        """
        stored = msgspec.msgpack.decode(data, type=_Stored)
        tally = cls()
        tally.n_waiting, tally.n_backfills_waiting = stored.n_waiting, stored.n_backfills_waiting
        tally.n_halves_waiting = stored.n_halves_waiting
        tally.events.update({(kind, result): n for kind, result, n in stored.events})
        tally.models.update({(model, version, name): n for model, version, name, n in stored.models})
        tally.dead_letters.update(dict(stored.dead_letters))
        return tally


def add_up(tallies: Iterable[Tally]) -> Tally:
    """The tally of several partitions together."""
    total = Tally()
    for tally in tallies:
        total.events.update(tally.events)
        total.models.update(tally.models)
        total.dead_letters.update(tally.dead_letters)
        total.n_waiting += tally.n_waiting
        total.n_backfills_waiting += tally.n_backfills_waiting
        total.n_halves_waiting += tally.n_halves_waiting
    return total


def of_model(models: Mapping[tuple[str, str, str], int], key: tuple[str, str]) -> dict[str, int]:
    """The named counts of one model version."""
    return {name: n for (model, version, name), n in sorted(models.items()) if (model, version) == key}
