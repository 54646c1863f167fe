"""Whether two topics can be joined: a prediction meets its outcome only in a partition of one number."""

from __future__ import annotations

from collections.abc import Mapping

from sentinel.errors import FatalError
from sentinel.logs import get_logger

log = get_logger(__name__)


def check_counts(counts: Mapping[str, int]) -> bool:
    """See that both topics are there, each with the same number of partitions.

    Parameters
    ----------
    counts : mapping of topic to partitions
        The predictions, then the outcomes; 0 for a topic that is missing.

    Returns
    -------
    bool
        False, and a line in the log, where one is missing.

    Raises
    ------
    FatalError
        If the numbers differ: a prediction and its outcome would then be read by different members.
    """
    missing = [topic for topic, count in counts.items() if count == 0]
    if missing:
        log.warning(
            "topics_missing",
            topics=",".join(missing),
            hint="create them, or grant this user DESCRIBE and READ on them; waiting until they are there",
        )
        return False
    (predictions, n_predictions), (outcomes, n_outcomes) = counts.items()
    if n_predictions != n_outcomes:
        raise FatalError(
            f"topic {predictions} has {n_predictions} partitions and {outcomes} has {n_outcomes}: a prediction "
            "meets its outcome only where both have the same number and the same key. Give the smaller one more "
            "partitions (kafka-topics.sh --alter --partitions), or write to new topics of equal numbers; both "
            "keyed by prediction_id"
        )
    return True
