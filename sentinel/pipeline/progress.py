"""How far the reading of outcomes has come, over all partitions of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from sentinel.pipeline.plan import ModelPlan


class OutcomesRead(Protocol):
    """How far the outcomes of a partition have been read; None, or no moment after 1970, before its first event."""

    @property
    def expired_until(self) -> int | None:
        """As of :class:`~sentinel.pipeline.loop_status.PartitionView`."""
        ...

    @property
    def joined_until(self) -> int | None:
        """Likewise."""
        ...


def outcomes_through(views: Iterable[OutcomesRead], plan: ModelPlan) -> int:
    """Event time until which outcomes have been read: what the age of a prediction is measured by.

    That is where expiry stands, which waits for outcomes that are still unread; or the latest outcome that counted,
    since predictions may have ended. Where silence means a negative it is expiry alone, which makes the negatives. The
    partition that is furthest tells, so that the number of partitions does not show.

    Parameters
    ----------
    views : iterable of CountedView, or of what a checkpoint says
    plan : ModelPlan

    Returns
    -------
    int, microseconds since the epoch, UTC
        0 before the first event.
    """
    ends = [end for view in views for end in (view.expired_until, plan.absence == "missing" and view.joined_until)]
    return max((end for end in ends if end and end > 0), default=0)


def settled_until(through_us: int, plan: ModelPlan) -> int:
    """Prediction time before which outcomes are as complete as they get: where silence is a negative, those are made.

    Parameters
    ----------
    through_us : int, microseconds since the epoch, UTC
        As :func:`outcomes_through` says.
    plan : ModelPlan
    """
    return through_us - settling_us(plan)


def settling_us(plan: ModelPlan) -> int:
    """The age at which the outcome of a prediction is settled, in microseconds."""
    return plan.keep_us if plan.absence == "negative" else plan.layout.maturity_us or plan.horizon_us


def lagging(views: Mapping[int, OutcomesRead], plan: ModelPlan) -> dict[int, int]:
    """Partitions so far behind the furthest that outcomes which settle its predictions are unread in theirs.

    Parameters
    ----------
    views : mapping of partition to PartitionView, or to what a checkpoint says
    plan : ModelPlan

    Returns
    -------
    dict of int to int
        Partition to the event time until which its outcomes have been read, in microseconds since the epoch, where that
        is behind by more than :func:`settling_us`. Partitions that have seen nothing yet do not lag.
    """
    through = {partition: outcomes_through([view], plan) for partition, view in views.items()}
    furthest = max(through.values(), default=0)
    return {partition: at for partition, at in through.items() if 0 < at < furthest - settling_us(plan)}
