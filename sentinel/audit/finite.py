"""Keeps what is no number out of a report: JSON has no word for it, and a report that was written could not be read."""

from __future__ import annotations

import math
from typing import Final

import msgspec

from sentinel.audit.findings import CheckResult, Finding, Inflation, Interval, Plot

_BEYOND: Final = "it came out as no number: outcomes or scores are beyond all bounds"


def finite(result: CheckResult) -> CheckResult:
    """The same result; what is infinite or no number in its findings is not known, and pictures of it are left out.

    Examples
    --------
    >>> share = Interval(value=math.nan, lower=0.0, upper=1.0)
    >>> one = Finding(check="c", cause="target_leakage", severity="info", title="", detail="", mend="", share=share)
    >>> finite(CheckResult(name="c", state="found", detail="", findings=(one,))).findings[0].share is None
    True
    """
    if all(_is_finite(finding) for finding in result.findings):
        return result
    return msgspec.structs.replace(result, findings=tuple(_cleaned(finding) for finding in result.findings))


def _cleaned(finding: Finding) -> Finding:
    inflation = finding.inflation if _is_known(finding.inflation) else None
    lost = inflation is None and finding.inflation is not None
    return msgspec.structs.replace(
        finding,
        share=finding.share if _is_known(finding.share) else None,
        chance=finding.chance if _is_known(finding.chance) else None,
        inflation=inflation,
        no_inflation=_BEYOND if lost else finding.no_inflation,
        rows=tuple(
            pair if math.isfinite(pair.similarity) else msgspec.structs.replace(pair, similarity=0.0)
            for pair in finding.rows
        ),
        plots=tuple(plot for plot in finding.plots if _is_drawable(plot)),
    )


def _is_finite(finding: Finding) -> bool:
    return (
        all(_is_known(one) for one in (finding.share, finding.chance, finding.inflation))
        and all(math.isfinite(pair.similarity) for pair in finding.rows)
        and all(_is_drawable(plot) for plot in finding.plots)
    )


def _is_known(one: Interval | Inflation | float | None) -> bool:
    if one is None:
        return True
    if isinstance(one, Interval):
        return all(map(math.isfinite, (one.value, one.lower, one.upper)))
    if isinstance(one, Inflation):
        return math.isfinite(one.stated) and math.isfinite(one.repaired) and _is_known(one.gain)
    return math.isfinite(one)


def _is_drawable(plot: Plot) -> bool:
    places = (place for place in plot.x if not isinstance(place, str))
    heights = (height for line in plot.series for some in (line.y, line.lower, line.upper) for height in some)
    return all(map(math.isfinite, places)) and all(map(math.isfinite, heights))
