"""Chooses what is shown when not all fits: the worst first; who is shown stays until another is clearly worse."""

from __future__ import annotations

import math
from collections.abc import Collection, Container, Mapping, Sequence
from typing import NamedTuple, Protocol, TypeVar

from sentinel.config.limits import Limits

ModelKey = tuple[str, str]
Key = tuple[str, str, str]
"""Model, version, and the name of a slice or a feature."""

EVIDENCE_MARGIN = math.log(10)
"""A slice gives way to one with ten times its evidence: what Jeffreys calls strong, and no noise of one evaluation."""
COLLAPSE_MARGIN = 1.0
"""A feature gives way to one that lost a standard error more."""


class Budget(NamedTuple):
    """Time series that reports may take.

    Attributes
    ----------
    in_all, per_model : int, >= 0
        Of all models together, and of one version of one model.
    """

    in_all: int
    per_model: int

    @classmethod
    def of(cls, limits: Limits) -> Budget:
        """What the configuration allows."""
        return cls(limits.max_series, limits.max_series_per_model)


class Candidate(Protocol):
    """What is shown whole or not at all."""

    @property
    def key(self) -> Key:
        """Whose it is."""
        ...

    @property
    def n_series(self) -> int:
        """What it takes."""
        ...

    @property
    def badness(self) -> float:
        """How much it deserves to be seen; infinite: before all that are not."""
        ...


AnyCandidate = TypeVar("AnyCandidate", bound=Candidate)


class Room:
    """Series that may still be taken, in all and by each model version."""

    def __init__(self, in_all: int, models: Mapping[ModelKey, int]) -> None:
        self.in_all = max(in_all, 0)
        self._models = {key: max(n, 0) for key, n in models.items()}

    def of(self, model: ModelKey) -> int:
        """What one model version may take still."""
        return min(self._models[model], self.in_all)

    def take(self, model: ModelKey, n_series: int) -> bool:
        """Take so many if both have them."""
        if n_series > self.of(model):
            return False
        self.in_all -= n_series
        self._models[model] -= n_series
        return True

    def all_of(self, wanted: Collection[Candidate]) -> bool:
        """Whether everything fits."""
        needs = _needs(wanted)
        return sum(needs.values()) <= self.in_all and all(n <= self._models[key] for key, n in needs.items())

    def beside(self, others: Collection[Candidate]) -> Room:
        """The room of those who share this one with others: half of it, and what the others do not need."""
        needs = _needs(others)
        needed = {key: min(needs.get(key, 0), n) for key, n in self._models.items()}
        models = {key: max(n // 2, n - needed[key]) for key, n in self._models.items()}
        return Room(max(self.in_all // 2, self.in_all - sum(needed.values())), models)


def choose(
    wanted: Sequence[AnyCandidate], shown: Container[Key], margin: float, room: Room
) -> tuple[list[AnyCandidate], int]:
    """Take what fits, the worst first.

    Parameters
    ----------
    wanted : sequence of Candidate
    shown : container of Key
        What was chosen the last time. Each of them counts as worse than it is by the margin.
    margin : float, >= 0, in the unit of the badness
    room : Room
        What is chosen is taken from it.

    Returns
    -------
    chosen : list of Candidate
        In the order in which they are wanted. If nothing has changed, the same as the last time: whoever was taken
        only moves up, so that whoever did not fit then finds no more room now.
    n_left_out : int, series
    """
    if room.all_of(wanted):
        return [each for each in wanted if room.take(each.key[:2], each.n_series)], 0

    def rank(n: int) -> tuple[float, bool, Key]:
        stays = wanted[n].key in shown
        return -(wanted[n].badness + margin * stays), not stays, wanted[n].key

    chosen, n_left_out = set(), 0
    for n in sorted(range(len(wanted)), key=rank):
        if room.take(wanted[n].key[:2], wanted[n].n_series):
            chosen.add(n)
        else:
            n_left_out += wanted[n].n_series
    return [each for n, each in enumerate(wanted) if n in chosen], n_left_out


def _needs(wanted: Collection[Candidate]) -> dict[ModelKey, int]:
    needs: dict[ModelKey, int] = {}
    for each in wanted:
        model = each.key[:2]
        needs[model] = needs.get(model, 0) + each.n_series
    return needs
