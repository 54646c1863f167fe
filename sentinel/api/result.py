"""What a replay found: the report, as text, frames, charts, a page, and a gate for a pipeline."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from sentinel.api import charts, frames
from sentinel.api.summary import summary
from sentinel.api.text import Text
from sentinel.app import gate
from sentinel.app.gate import FailOn
from sentinel.app.report_files import load_report
from sentinel.console.pages import render_file
from sentinel.diagnosis.report import Alert, Report, Verdict, to_json
from sentinel.diagnosis.words import explain
from sentinel.errors import FatalError
from sentinel.events.batch import DeadLetter
from sentinel.whole_files import write_whole


class AlertFiringError(FatalError):
    """Alerts of the severity that a pipeline must not pass are firing.

    Attributes
    ----------
    alerts : sequence of Alert
    """

    def __init__(self, message: str, alerts: Sequence[Alert] = ()) -> None:
        super().__init__(message, alerts)
        self.alerts = tuple(alerts)

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """A report; a notebook shows its summary where it is the last line of a cell.

    Attributes
    ----------
    report : sentinel.diagnosis.report.Report
        Everything that was found, as `sentinel replay --report` writes it.
    refused : sequence of DeadLetter
        The first rows that broke a rule; `Report.dead_letters` counts all by their reason.
    """

    report: Report
    refused: Sequence[DeadLetter] = ()

    @property
    def verdict(self) -> Verdict:
        """The likeliest cause with its probability, culprits, reasons, and what would settle it."""
        return self.report.verdict

    def explain(self) -> Text:
        """The verdict and its evidence in words, as `sentinel explain` prints them."""
        return Text(explain(self.report))

    def findings_frame(self) -> pd.DataFrame:
        """Each metric of each slice: both sides with their 95 % intervals, and the gap; above 0 live is worse."""
        return frames.findings(self.report.findings)

    def features_frame(self) -> pd.DataFrame:
        """Each feature: its AUC alone on both sides, how it is served, how far it has moved."""
        return frames.features(self.report.features)

    def timeline_frame(self) -> pd.DataFrame:
        """The headline metric at each evaluation, in event time."""
        return frames.timeline(self.report.timeline)

    def alerts_frame(self) -> pd.DataFrame:
        """Each alert over its life; one that is firing has no ``resolved_at``."""
        return frames.alerts(self.report.alerts)

    def refused_frame(self) -> pd.DataFrame:
        """Rows that were refused, and the rule that each breaks; the first 10,000."""
        return frames.dead_letters(self.refused)

    def plot(self, kind: charts.Kind = "time") -> charts.Chart:
        """Draw ``"time"`` (live against offline), ``"slices"``, ``"features"`` or ``"calibration"``."""
        return charts.plot(self.report, kind)

    def firing(self, severity: FailOn = "warning") -> tuple[Alert, ...]:
        """Alerts of a severity, or a graver one, that are firing at the end of the stream."""
        return gate.firing(self.report, severity)

    def fail_on(self, severity: FailOn) -> Result:
        """Stop a pipeline where such alerts are firing.

        Returns
        -------
        Result
            This one, where there are none.

        Raises
        ------
        AlertFiringError
            Its message holds the alerts and the verdict.
        """
        found = self.firing(severity)
        if not found:
            return self
        told = "; ".join(f"{one.name} ({one.severity}, {one.slice}): {one.summary}" for one in found)
        verdict = self.verdict
        raise AlertFiringError(
            f"{self.report.model} {self.report.version}: {verdict.cause.value} ({verdict.confidence:.0%}). {told}",
            found,
        )

    def exit_status(self, severity: FailOn) -> int:
        """The exit status of `sentinel replay --fail-on`: 3 where such alerts are firing, else 0."""
        return gate.exit_status(self.report, severity)

    def to_html(self, path: str | os.PathLike[str], *, runbooks: str | None = None) -> None:
        """Write the page that `sentinel replay --html` writes; it needs no server, no network and no script.

        Raises
        ------
        FatalError
            If the file cannot be written.
        """
        write_whole(path, render_file(self.report, runbooks=runbooks).encode())

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write the report that `sentinel replay --report` writes, byte for byte.

        Raises
        ------
        FatalError
            If the file cannot be written.
        """
        write_whole(path, to_json(self.report))

    def _repr_html_(self) -> str:
        return summary(self.report)

    def __repr__(self) -> str:
        cause, confidence = self.verdict.cause.value, self.verdict.confidence
        joined = self.report.counts.get("joined", 0)
        return f"Result({self.report.model!r}, {self.report.version!r}, {cause} {confidence:.0%}, {joined:,} outcomes)"


def read_report(path: str | os.PathLike[str]) -> Result:
    """Read a report that `sentinel replay --report`, `Result.to_json` or the daemon's API wrote.

    Raises
    ------
    FatalError
        If the file cannot be read, or is no report of this version.
    """
    return Result(load_report(path))
