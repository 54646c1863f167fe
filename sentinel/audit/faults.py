"""The finding that both files are not alike: what every check of that kind says in the same way."""

from __future__ import annotations

from typing import Final

from sentinel.audit.findings import Finding, Interval, Plot, Severity

_NO_INFLATION: Final = "a difference between the files makes the estimate wrong in a direction that is not known"


def unlike(
    check: str,
    names: tuple[str, ...],
    severity: Severity,
    title: str,
    detail: str,
    mend: str,
    *,
    share: Interval | None = None,
    chance: float | None = None,
    plot: Plot | None = None,
) -> Finding:
    """Say in which columns the files differ.

    Parameters
    ----------
    check : str
        Name of the check.
    names : tuple of str
        Columns concerned.
    severity, title, detail, mend, share, chance
        As in `Finding`.
    plot : Plot, optional
    """
    return Finding(
        check=check,
        cause="data_quality_fault",
        severity=severity,
        title=title,
        detail=detail,
        mend=mend,
        columns=names,
        share=share,
        chance=chance,
        no_inflation=_NO_INFLATION,
        plots=() if plot is None else (plot,),
    )
