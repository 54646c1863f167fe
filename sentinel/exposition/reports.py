"""One model version among the reports that stand: how it is found, and the path that names it."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import quote

from sentinel.diagnosis.report import Report


def report_of(reports: Iterable[Report], key: tuple[str, str]) -> Report | None:
    """The report of a model version.

    Parameters
    ----------
    reports : iterable of Report
        At most one for each model version.
    key : tuple of str
        (model, version).

    Returns
    -------
    Report or None
        None where there is none of it.
    """
    return next((each for each in reports if (each.model, each.version) == key), None)


def path_of(model: str, version: str) -> str:
    """Where a model version is found below ``/models`` and ``/api/v1/models``.

    Examples
    --------
    >>> path_of("churn/eu", "7")
    'churn%2Feu/7'
    """
    return f"{quote(model, safe='')}/{quote(version, safe='')}"
