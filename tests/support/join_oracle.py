"""The join, slowly: one event at a time in plain dictionaries, to hold the pipeline against.

The rules are written down a second time, from the contract: the first prediction of an id stays; an outcome counts when
it is at most the horizon later than its prediction; a later outcome of another value replaces the one before; what has
no outcome when its time is over stays unjoined or is taken as negative; an outcome without its prediction waits. A
backfill counts for the prediction that is held, or waits as an outcome does; of each feature the latest value counts.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Key = tuple[str, str]


@dataclass(frozen=True)
class Rules:
    """How one layout of a model version is joined."""

    horizon_us: int
    keep_us: int
    absence: Literal["missing", "negative"] = "missing"


@dataclass(frozen=True)
class Predicted:
    """A prediction event; ``row`` names its features elsewhere."""

    key: Key
    id: int
    at: int
    row: int


@dataclass(frozen=True)
class Happened:
    """An outcome event."""

    model: str
    id: int
    at: int
    value: int


@dataclass(frozen=True)
class Recounted:
    """A backfill event; ``row`` names its values elsewhere, ``at`` is when it was received."""

    model: str
    id: int
    at: int
    row: int


Event = Predicted | Happened | Recounted


@dataclass
class Waiting:
    """A prediction that is held, with its outcome once it is known."""

    prediction: Predicted
    outcome: tuple[int, int] | None = None  # value, time
    backfills: list[Recounted] = field(default_factory=list)


@dataclass
class JoinOracle:
    """Everything that a partition must have counted."""

    rules: Mapping[Key, Rules]
    predictions: list[Predicted] = field(default_factory=list)
    settled: list[Waiting] = field(default_factory=list)
    held: dict[tuple[str, int], Waiting] = field(default_factory=dict)
    ahead: dict[tuple[str, int], list[Happened]] = field(default_factory=dict)
    backfills_ahead: dict[tuple[str, int], list[Recounted]] = field(default_factory=dict)
    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    models: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[int, str]] = field(default_factory=list)
    watermark: int = -(1 << 63)

    def feed(self, event: Event) -> None:
        """Count one event, then let go what its time is over for."""
        if isinstance(event, Predicted):
            self._predict(event)
        elif isinstance(event, Recounted):
            self._recount(event)
        else:
            self._happen(event)
        self._let_go()

    def offline_rows(self) -> list[tuple[Predicted, int, int]]:
        """Predictions that count with an outcome: prediction, value, outcome time."""
        pairs = [(w.prediction, *w.outcome) for w in [*self.settled, *self.held.values()] if w.outcome is not None]
        return sorted(pairs, key=lambda pair: pair[0].row)

    def backfilled(self) -> list[Waiting]:
        """Predictions that have backfills."""
        return [w for w in [*self.settled, *self.held.values()] if w.backfills]

    @property
    def n_waiting(self) -> int:
        """Outcomes whose prediction is not here."""
        return len(self.ahead)

    def _predict(self, event: Predicted) -> None:
        self.watermark = max(self.watermark, event.at)
        self._let_go()
        if event.at + self.rules[event.key].keep_us < self.watermark:
            self._refuse(event, "expired", "expired")
            return
        slot = event.key[0], event.id
        if slot in self.held:
            self._refuse(event, "duplicate_prediction_id", "duplicate")
            return
        self.predictions.append(event)
        self._count("prediction", "accepted", event.key)
        waiting = self.held[slot] = Waiting(event, backfills=self.backfills_ahead.pop(slot, []))
        if waiting.backfills:
            self._count("backfill", "joined", event.key)
            self.models[*event.key, "backfill_duplicate"] += len(waiting.backfills) - 1
        earlier = self.ahead.pop(slot, [])
        on_time = [o for o in earlier if o.at - event.at <= self.rules[event.key].horizon_us]
        for outcome in on_time:
            self._label(waiting, outcome)
        if earlier:  # repeats were counted when they came: the first of them waited for this
            self._count("outcome", "joined" if on_time else "late", event.key)
        for one, next_one in itertools.pairwise(earlier):  # now it shows whose repeats they were
            self.models[*event.key, f"outcome_{_repeat(one, next_one)}"] += 1
        if on_time:
            self.models[*event.key, "joined"] += 1

    def _refuse(self, event: Predicted, reason: str, name: str) -> None:
        self.events["prediction", "dead_letter"] += 1
        self.reasons[reason] += 1
        self.models[*event.key, f"prediction_{name}"] += 1
        self.refused.append((event.row, reason))

    def _happen(self, event: Happened) -> None:
        slot = event.model, event.id
        waiting = self.held.get(slot)
        if waiting is None:
            before = self.ahead.setdefault(slot, [])
            if before:
                self.events["outcome", _repeat(before[-1], event)] += 1
            before.append(event)
            return
        key = waiting.prediction.key
        if event.at - waiting.prediction.at > self.rules[key].horizon_us:
            self._count("outcome", "late", key)
            return
        result = self._label(waiting, event)
        self._count("outcome", result, key)
        if result == "joined":
            self.models[*key, "joined"] += 1

    def _recount(self, event: Recounted) -> None:
        slot = event.model, event.id
        waiting = self.held.get(slot)
        before = self.backfills_ahead.setdefault(slot, []) if waiting is None else waiting.backfills
        before.append(event)
        result = "joined" if len(before) == 1 else "duplicate"
        if waiting is not None:
            self._count("backfill", result, waiting.prediction.key)
        elif result == "duplicate":
            self.events["backfill", result] += 1

    @staticmethod
    def _label(waiting: Waiting, event: Happened) -> str:
        old = waiting.outcome
        waiting.outcome = event.value, event.at
        if old is None:
            return "joined"
        if old[0] != event.value:
            return "corrected"
        waiting.outcome = event.value, min(old[1], event.at)
        return "duplicate"

    def _let_go(self) -> None:
        for slot, waiting in list(self.held.items()):
            key, at = waiting.prediction.key, waiting.prediction.at
            if at + self.rules[key].keep_us < self.watermark:
                self.settled.append(self.held.pop(slot))
                self.models[*key, "matured"] += 1
                self._settle(waiting, self.rules[key])
        for slot, backfills in list(self.backfills_ahead.items()):
            if backfills[-1].at + self._keep_us(slot[0]) < self.watermark:
                del self.backfills_ahead[slot]
                self.events["backfill", "orphaned"] += 1
        for slot, outcomes in list(self.ahead.items()):
            keep_us = self._keep_us(slot[0])
            if _remembered_at(outcomes) + keep_us < self.watermark:
                del self.ahead[slot]
                self.events["outcome", "orphaned"] += 1

    def _keep_us(self, model: str) -> int:
        return max(rules.keep_us for (name, _), rules in self.rules.items() if name == model)

    def _settle(self, waiting: Waiting, rules: Rules) -> None:
        key, at = waiting.prediction.key, waiting.prediction.at
        if waiting.outcome is None:
            self.models[*key, "unjoined"] += 1
            if rules.absence == "negative":
                self.models[*key, "assumed_negative"] += 1
                waiting.outcome = 0, at + rules.horizon_us

    def _count(self, kind: str, result: str, key: Key) -> None:
        self.events[kind, result] += 1
        self.models[*key, f"{kind}_{result}"] += 1


def _repeat(one: Happened, next_one: Happened) -> str:
    return "duplicate" if one.value == next_one.value else "corrected"


def _remembered_at(outcomes: list[Happened]) -> int:
    """Time of the newest outcome; of equal ones in a row the earliest."""
    at, value = outcomes[0].at, outcomes[0].value
    for outcome in outcomes[1:]:
        at = min(at, outcome.at) if outcome.value == value else outcome.at
        value = outcome.value
    return at


def fed(rules: Mapping[Key, Rules], events: Iterable[Event]) -> JoinOracle:
    """An oracle that has seen these events, in this order."""
    oracle = JoinOracle(rules)
    for event in events:
        oracle.feed(event)
    return oracle
