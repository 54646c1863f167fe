"""How long to wait between attempts: twice as long each time, less a random part, so that many do not come at once."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final, TypeVar

from sentinel.exposition.grafana.errors import BRIEF, GrafanaError

T = TypeVar("T")

FIRST_SECONDS: Final = 0.5
MAX_SECONDS: Final = 60.0
ATTEMPTS: Final = 4


def backoff_seconds(failures: int, random: Random, asked: float | None = None) -> float:
    """The wait after some failures in a row.

    Parameters
    ----------
    failures : int, >= 1
    random : Random
    asked : float or None, seconds
        What the server asked for; it is never undercut.

    Returns
    -------
    float, seconds
        From half of ``FIRST_SECONDS * 2 ** (failures - 1)``, or of ``MAX_SECONDS``, to all of it.
    """
    whole: float = min(FIRST_SECONDS * 2.0 ** min(failures - 1, 16), MAX_SECONDS)
    return max(whole * (0.5 + 0.5 * random.random()), asked or 0.0)


def with_retries(attempt: Callable[[], T], sleep: Callable[[float], object], random: Random) -> T:
    """Try some times, as long as what goes wrong may pass.

    Raises
    ------
    GrafanaError
        The last one.
    """
    for failures in range(1, ATTEMPTS):
        try:
            return attempt()
        except GrafanaError as error:
            if error.reason not in BRIEF:
                raise
            sleep(backoff_seconds(failures, random, error.wait_seconds))
    return attempt()
