"""The churn world: customers of a subscription service, scored again and again, who cancel or stay."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

from sentinel.clock import MICROSECONDS_PER_SECOND

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

REGIONS = ("EU", "US", "APAC", "LATAM")
PLANS = ("basic", "pro", "team")
CHANNELS = ("ads", "organic", "partner", "referral")
DEVICES = ("web", "ios", "android")
PLAN_PRICES = np.array([12.0, 35.0, 90.0])

_HOUR_US = 3_600 * MICROSECONDS_PER_SECOND
_DAY_US = 24 * _HOUR_US


@dataclass(frozen=True, slots=True)
class Law:
    """P(outcome = 1 | features, customer), a logistic law with interactions.

    All weights are log-odds per unit of the centred term that :meth:`log_odds` shows. ``sharpness``
    multiplies the features' part in each plan: where it is small, no model can rank well.
    """

    intercept: float = -1.75
    tickets: float = 0.55
    login: float = 0.75
    usage: float = -0.70
    contract: float = -0.35
    failures: float = 0.60
    spend: float = 0.0
    tickets_on_basic: float = 0.35
    login_by_failures: float = 0.40
    regions: tuple[float, ...] = (0.0, -0.15, 0.10, 0.20)
    sharpness: tuple[float, ...] = (0.70, 1.05, 1.45)

    def log_odds(self, rows: pd.DataFrame, plan: I64, region: I64) -> F64:
        """Log-odds of the outcome before the customer's own effect.

        Parameters
        ----------
        rows : DataFrame with the churn features, none missing
        plan, region : int64 array, shape (n,)
            Codes in ``PLANS`` and ``REGIONS``.

        Returns
        -------
        float64 array, shape (n,)
        """
        tickets = rows["support_tickets_30d"].to_numpy(np.float64) - 0.8
        login = np.log1p(rows["days_since_login"].to_numpy(np.float64)) - 1.5
        usage = np.log1p(rows["usage_hours_7d"].to_numpy(np.float64)) - 1.8
        contract = np.log1p(rows["contract_days"].to_numpy(np.float64)) - 5.5
        failures = rows["payment_failures_90d"].to_numpy(np.float64) - 0.3
        spend = rows["monthly_spend"].to_numpy(np.float64) / PLAN_PRICES[plan] - 1.0
        signal = (
            self.tickets * tickets
            + self.login * login
            + self.usage * usage
            + self.contract * contract
            + self.failures * failures
            + self.spend * spend
            + self.tickets_on_basic * tickets * (plan == 0)
            + self.login_by_failures * login * failures
        )
        log_odds: F64 = self.intercept + np.take(self.sharpness, plan) * signal + np.take(self.regions, region)
        return log_odds


@dataclass(frozen=True, slots=True)
class World:
    """Who the customers are, how they behave, and by which law they leave.

    Parameters
    ----------
    plan_shares, region_shares : tuple of float, sums 1
        Mix of customers over ``PLANS`` and ``REGIONS``, independent of each other.
    rows_per_customer : float, > 0
        Mean number of predictions that one customer gets within a split.
    customer_sd : float, >= 0, log-odds
        Spread of the customers' own effect, which no feature shows: rows of one customer are alike.
    mean_delay_hours : float, > 0, hours
        Outcomes arrive after an exponential delay, whatever they are.
    login_null_ratio, device_null_ratio : float in [0, 1]
        Share of honest gaps in two features, independent of everything else.
    """

    law: Law = field(default_factory=Law)
    plan_shares: tuple[float, ...] = (0.35, 0.40, 0.25)
    region_shares: tuple[float, ...] = (0.40, 0.30, 0.20, 0.10)
    rows_per_customer: float = 5.0
    customer_sd: float = 0.35
    mean_delay_hours: float = 24.0
    history_days: float = 60.0
    launch_at: datetime = datetime(2026, 1, 5, tzinfo=UTC)
    login_null_ratio: float = 0.04
    device_null_ratio: float = 0.02

    @property
    def launch_us(self) -> int:
        """Start of production in microseconds since the epoch."""
        return round(self.launch_at.timestamp()) * MICROSECONDS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Span:
    """The rows to draw: how many, from when to when, and the first numbers free for their ids."""

    n: int
    start_us: int
    days: float
    first_row: int = 0
    first_customer: int = 0

    @property
    def end_us(self) -> int:
        """First microsecond after the span."""
        return self.start_us + round(self.days * _DAY_US)


def draw(world: World, span: Span, seeds: list[int], *, later: World | None = None) -> pd.DataFrame:
    """Draw predictions with their outcomes, in time order.

    Parameters
    ----------
    world : World
    span : Span
    seeds : list of int
        Seeds that belong to these rows alone.
    later : World, optional
        From the middle of the span on, its mix and its law hold. The same customers stay: the mix
        changes by how often each is scored, so that nothing changes within a cell of region and plan.

    Returns
    -------
    DataFrame
        The canonical columns except ``score``, then the features, as they truly were at the time.
    """
    generators = np.random.default_rng(seeds).spawn(3)
    n_customers = max(1, round(span.n / world.rows_per_customer))
    customers = _customers(world, n_customers, generators[0])
    rng = generators[1]
    at_us = span.start_us + np.sort(rng.integers(0, round(span.days * _DAY_US), span.n))
    is_later = at_us >= (span.start_us + span.end_us) // 2 if later else np.zeros(span.n, np.bool_)
    chosen = _choose(customers, world, later or world, is_later, rng.random(span.n))
    features = _features(customers.iloc[chosen].reset_index(drop=True), rng)
    plan, region = customers["plan"].to_numpy()[chosen], customers["region"].to_numpy()[chosen]
    log_odds = world.law.log_odds(features, plan, region)
    if later:
        log_odds = np.where(is_later, later.law.log_odds(features, plan, region), log_odds)
    log_odds += customers["effect"].to_numpy()[chosen]
    fate = generators[2]
    outcome = (fate.random(span.n) < 1.0 / (1.0 + np.exp(-log_odds))).astype(np.int64)
    delay_us = (fate.exponential(world.mean_delay_hours, span.n) * _HOUR_US).astype(np.int64)
    features.loc[fate.random(span.n) < world.login_null_ratio, "days_since_login"] = np.nan
    features.loc[fate.random(span.n) < world.device_null_ratio, "device"] = None
    envelope = pd.DataFrame(
        {
            "prediction_id": [f"p{number:08d}" for number in range(span.first_row, span.first_row + span.n)],
            "predicted_at": utc(at_us),
            "outcome_at": utc(at_us + delay_us),
            "outcome": outcome,
            "group": [f"customer-{span.first_customer + number:07d}" for number in chosen.tolist()],
        }
    )
    return pd.concat([envelope, features], axis="columns")


def utc(at_us: I64) -> pd.Series[pd.Timestamp]:
    """Microseconds since the epoch as UTC timestamps of microsecond resolution."""
    return pd.Series(at_us.astype("datetime64[us]")).dt.tz_localize("UTC")


def _customers(world: World, n: int, rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "region": rng.choice(len(REGIONS), n, p=world.region_shares),
            "plan": rng.choice(len(PLANS), n, p=world.plan_shares),
            "channel": rng.choice(len(CHANNELS), n),
            "activity": rng.lognormal(0.0, 0.5, n),
            "contract_days": rng.exponential(400.0, n).astype(np.int64),  # at the last bill: no clock in it
            "effect": rng.normal(0.0, world.customer_sd, n),
        }
    )


def _choose(customers: pd.DataFrame, before: World, after: World, is_later: npt.NDArray[np.bool_], uniform: F64) -> I64:
    """Pick each row's customer: all alike at first, later by how much their cell has grown."""
    n = len(customers)
    growth = np.divide(after.plan_shares, before.plan_shares)[customers["plan"].to_numpy()]
    growth = growth * np.divide(after.region_shares, before.region_shares)[customers["region"].to_numpy()]
    edges = np.cumsum(growth)
    grown = np.searchsorted(edges, uniform * edges[-1], side="right")
    return np.minimum(np.where(is_later, grown, (uniform * n).astype(np.int64)), n - 1)


def _features(customers: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    n = len(customers)
    activity = customers["activity"].to_numpy()
    plan = customers["plan"].to_numpy()
    return pd.DataFrame(
        {
            "region": np.take(REGIONS, customers["region"].to_numpy()),
            "plan": np.take(PLANS, plan),
            "channel": np.take(CHANNELS, customers["channel"].to_numpy()),
            "device": np.take(DEVICES, rng.integers(0, len(DEVICES), n)),
            "contract_days": customers["contract_days"].to_numpy(),
            "monthly_spend": np.round(PLAN_PRICES[plan] * rng.lognormal(0.0, 0.25, n), 2),
            "usage_hours_7d": np.round(rng.gamma(2.0, 3.0 * activity), 2),
            "days_since_login": np.round(rng.exponential(5.0 / activity), 2),
            "support_tickets_30d": rng.poisson(0.8, n),
            "payment_failures_90d": rng.poisson(0.3, n),
        }
    )
