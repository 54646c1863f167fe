"""The trained scorecard: an additive model of the family first, of the cause within it second."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Annotated, Any, Final

import msgspec
import numpy as np
from msgspec import Meta

from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.signatures import MEANINGS, Signal
from sentinel.errors import FatalError
from sentinel.stats.arrays import Floats

FORMAT: Final = 1
FILE: Final = "scorecard.json"
FAMILY: Final = "family"
"""Name of the first level's temperature; the others are called as their family."""
REACH: Final = 4.0
"""Standard deviations at which a value is cut: no single signal decides by being further out than any before."""

NAMED: Final = tuple(cause for cause in Cause if cause is not Cause.INSUFFICIENT_EVIDENCE)
"""The causes that a scorecard weighs: whether the evidence suffices is not its question."""
FAMILIES: Final = tuple(dict.fromkeys(cause.family for cause in NAMED))


class ScorecardError(FatalError):
    """A scorecard cannot be read, or is not for this version's signals."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """How one signal enters the model."""

    mean: float
    scale: Annotated[float, Meta(gt=0)]
    has_missing: Annotated[bool, Meta(description="missing in some of the training runs but not in all")] = False


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """Log-odds of one family, or cause: a constant, per standard deviation of a signal, and for its being missing."""

    bias: float = 0.0
    values: dict[str, float] = {}
    missing: dict[str, float] = {}


class ScorecardFile(msgspec.Struct, frozen=True, kw_only=True):
    """The coefficients as they are kept."""

    format: int = FORMAT
    sentinel: str
    trained: dict[str, Any]
    prior: Annotated[dict[str, float], Meta(description="cause -> share among the training runs that passed the gate")]
    temperatures: dict[str, float]
    signals: dict[str, Column]
    families: dict[str, Weights]
    causes: dict[str, Weights]
    digest: str = ""

    def sealed(self) -> ScorecardFile:
        """The same with the SHA-256 over everything else, first 16 hex digits."""
        return msgspec.structs.replace(self, digest=_digest(self))

    def to_json(self) -> bytes:
        """Indented, for a file."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"


def _digest(file: ScorecardFile) -> str:
    plain = msgspec.structs.replace(file, digest="")
    return hashlib.sha256(msgspec.json.encode(plain, order="deterministic")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Level:
    """One multinomial choice.

    Attributes
    ----------
    names : tuple of str
        What is chosen among.
    bias : float array, shape (n_names,)
    weights : float array, shape (n_names, n_columns)
    temperature : float, > 0
    """

    names: tuple[str, ...]
    bias: Floats
    weights: Floats
    temperature: float

    def probabilities(self, x: Floats, extra: Mapping[str, float]) -> Floats:
        """Of each name; ``extra`` is added to the log-odds after the temperature."""
        logits = (self.bias + self.weights @ x) / self.temperature
        logits = logits + np.array([extra.get(name, 0.0) for name in self.names])
        odds = np.exp(logits - logits.max())
        return np.asarray(odds / odds.sum())


@dataclass(frozen=True, slots=True)
class Score:
    """What a scorecard says of one set of signals.

    Attributes
    ----------
    probabilities : mapping of Cause to float
        Over all causes but insufficient evidence, summing to 1.
    """

    probabilities: Mapping[Cause, float]
    _card: Scorecard
    _x: Floats

    def reasons(self, cause: Cause) -> list[tuple[str, float]]:
        """Signals that are there and speak for a cause against the others, the strongest first, in log-odds."""
        pull = self._pull(cause)[: len(self._card.signals)]
        order = np.argsort(-pull, kind="stable")
        return [(self._card.signals[j], float(pull[j])) for j in order if pull[j] > 0]

    def _pull(self, cause: Cause) -> Floats:
        """Each column's contribution to one cause, less the average over its rivals."""
        families = self._card.families
        at = families.names.index(cause.family)
        pull = (families.weights[at] - families.weights.mean(axis=0)) / families.temperature * self._x
        level = self._card.causes.get(cause.family)
        if level is not None:
            at = level.names.index(cause.value)
            pull = pull + (level.weights[at] - level.weights.mean(axis=0)) / level.temperature * self._x
        return np.asarray(pull)


@dataclass(frozen=True, slots=True)
class Scorecard:
    """A scorecard ready to score.

    Attributes
    ----------
    signals : tuple of str
        In the order of the columns; behind them come as many for their being missing.
    """

    signals: tuple[str, ...]
    means: Floats
    scales: Floats
    families: Level
    causes: Mapping[str, Level]
    prior: Mapping[str, float]
    version: str
    digest: str

    def row(self, signals: Mapping[str, Signal]) -> Floats:
        """The model's columns: standardised values, 0 where missing, then 1 where missing."""
        values = np.array([_number(signals[name].value) for name in self.signals])
        return columns_of(values, self.means, self.scales)

    def score(
        self, signals: Mapping[str, Signal], extra: Mapping[Cause, float] | None = None,
        priors: Mapping[str, float] | None = None,
    ) -> Score:  # fmt: skip
        """Weigh the signals.

        Parameters
        ----------
        signals : mapping of name to Signal
            All that `MEANINGS` names.
        extra : mapping of Cause to float, optional
            Log-odds of direct proof.
        priors : mapping of cause to float, optional
            How many times as likely as in training each cause is held beforehand.

        Returns
        -------
        Score
        """
        x = self.row(signals)
        added: dict[Cause, float] = {cause: (extra or {}).get(cause, 0.0) + _log(priors, cause) for cause in NAMED}
        within = {
            family: self.causes[family].probabilities(x, {c.value: added[c] for c in NAMED}) for family in self.causes
        }
        # A family is as likely as its causes together: what is added to them is added to it by their shares.
        lifted = {family: self._lift(family, x, added) for family in self.families.names}
        of_family = dict(zip(self.families.names, self.families.probabilities(x, lifted), strict=True))
        probabilities = {}
        for family, share in of_family.items():
            level = self.causes.get(family)
            if level is None:
                probabilities[Cause(family)] = float(share)
                continue
            for name, part in zip(level.names, within[family], strict=True):
                probabilities[Cause(name)] = float(share * part)
        return Score(probabilities, self, x)

    def _lift(self, family: str, x: Floats, added: Mapping[Cause, float]) -> float:
        level = self.causes.get(family)
        if level is None:
            return added[Cause(family)]
        plain = level.probabilities(x, {})
        lifts = np.array([added[Cause(name)] for name in level.names])
        highest = float(lifts.max())
        return highest + float(np.log(np.sum(plain * np.exp(lifts - highest)) + 1e-300))

    def weight_of_missing(self, first: Cause, second: Cause) -> dict[str, float]:
        """By how much each signal could tell two causes apart, in log-odds per standard deviation."""
        n = len(self.signals)
        apart = np.abs(self._total(first) - self._total(second))[:n]
        return dict(zip(self.signals, apart.tolist(), strict=True))

    def _total(self, cause: Cause) -> Floats:
        total = self.families.weights[self.families.names.index(cause.family)] / self.families.temperature
        level = self.causes.get(cause.family)
        if level is not None:
            total = total + level.weights[level.names.index(cause.value)] / level.temperature
        return np.asarray(total)


def columns_of(values: Floats, means: Floats, scales: Floats) -> Floats:
    """Standardise values, shape (..., n), and append where they are missing (NaN), shape (..., 2 n)."""
    missing = np.isnan(values)
    standard = np.clip((np.where(missing, means, values) - means) / scales, -REACH, REACH)
    return np.concatenate([standard, missing.astype(np.float64)], axis=-1)


def build(file: ScorecardFile) -> Scorecard:
    """Make a scorecard of its coefficients; a signal that is newer than the file has no weight.

    Raises
    ------
    ScorecardError
        If they are for signals or causes that this version does not know, lack one of its causes, or were altered.
    """
    if file.format != FORMAT:
        raise ScorecardError(f"the scorecard has format {file.format}, this version reads {FORMAT}")
    if file.digest != _digest(file):
        raise ScorecardError("the scorecard was altered after it was trained: its digest does not fit")
    unknown, absent = sorted(set(file.signals) - set(MEANINGS)), sorted(set(MEANINGS) - set(file.signals))
    if unknown:
        raise ScorecardError(
            "the scorecard was trained on other signals: "
            f"unknown here: {', '.join(unknown)}; absent there: {', '.join(absent) or 'none'}"
        )
    signals = tuple(MEANINGS)
    columns = dict.fromkeys(absent, Column(mean=0.0, scale=1.0)) | file.signals
    causes = {}
    for family in FAMILIES:
        members = tuple(cause.value for cause in NAMED if cause.family == family)
        if len(members) > 1:
            causes[family] = _level(members, file.causes, signals, file.temperatures[family])
    return Scorecard(
        signals=signals,
        means=np.array([columns[name].mean for name in signals]),
        scales=np.array([columns[name].scale for name in signals]),
        families=_level(FAMILIES, file.families, signals, file.temperatures[FAMILY]),
        causes=causes,
        prior=file.prior,
        version=file.sentinel,
        digest=file.digest,
    )


def _level(names: tuple[str, ...], rows: Mapping[str, Weights], signals: tuple[str, ...], temperature: float) -> Level:
    absent = [name for name in names if name not in rows]
    if absent:
        raise ScorecardError(f"the scorecard has no coefficients for {', '.join(absent)}")
    values = [[rows[name].values.get(signal, 0.0) for signal in signals] for name in names]
    missing = [[rows[name].missing.get(signal, 0.0) for signal in signals] for name in names]
    bias = np.array([rows[name].bias for name in names])
    return Level(names, bias, np.concatenate([np.array(values), np.array(missing)], axis=1), temperature)


def load(data: bytes) -> Scorecard:
    """Read the file of a scorecard.

    Raises
    ------
    ScorecardError
        If it is none, or not for this version.
    """
    try:
        file = msgspec.json.decode(data, type=ScorecardFile)
    except msgspec.MsgspecError as error:
        raise ScorecardError(f"the scorecard cannot be read: {error}") from error
    return build(file)


@cache
def shipped() -> Scorecard:
    """The scorecard of this version."""
    return load(resources.files("sentinel.diagnosis").joinpath(FILE).read_bytes())


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _log(priors: Mapping[str, float] | None, cause: Cause) -> float:
    return float(np.log((priors or {}).get(cause.value, 1.0)))
