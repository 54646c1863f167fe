"""The offline audit of the rows of a notebook or a test: what it found, shown, saved, and as a gate."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pyarrow as pa

from sentinel.api import frames
from sentinel.api.audit_summary import summary
from sentinel.api.inspection import inspect, outcome_part, warn
from sentinel.api.progress import Progress, by_steps
from sentinel.api.rows import Given, as_rows
from sentinel.api.settings import chosen_settings, manifest_of
from sentinel.api.text import Text
from sentinel.app.gate import EXIT_ALERT
from sentinel.audit import scan
from sentinel.audit.check import FitWith, ScoreWith
from sentinel.audit.choosing import chosen_checks
from sentinel.audit.estimates.splits import check_installed
from sentinel.audit.files.values import read_values
from sentinel.audit.findings import AuditReport, CheckResult, Finding, Severity
from sentinel.audit.guarded import guarded
from sentinel.audit.report import document, gate
from sentinel.audit.report.text import explain, headline, table
from sentinel.clock import SystemClock
from sentinel.config.model import Model
from sentinel.console.offline_audit import render_audit_report
from sentinel.errors import FatalError
from sentinel.events.schema import Task
from sentinel.whole_files import write_whole


class LeakageFoundError(FatalError):
    """An audit found what a pipeline, or a test, must not pass.

    Attributes
    ----------
    findings : sequence of Finding
    """

    def __init__(self, message: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message, findings)
        self.findings = tuple(findings)

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True, slots=True)
class _Rows:
    """What was audited, kept for whoever asks to see values."""

    model: Model
    validation: Path | pa.Table
    train: Path | pa.Table | None


@dataclass(frozen=True, slots=True, repr=False)
class AuditResult:
    """An audit; a notebook shows its summary where it is the last line of a cell.

    Attributes
    ----------
    report : sentinel.audit.findings.AuditReport
        Everything that was found, as `sentinel audit --json` writes it.
    """

    report: AuditReport
    _rows: _Rows | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is wrong, or may be, the worst first."""
        return self.report.findings

    @property
    def failed(self) -> tuple[CheckResult, ...]:
        """Checks that broke off; as long as there are any, the rows are not known to be clean."""
        return gate.failed(self.report)

    def text(self) -> Text:
        """All of it in words and tables, as `sentinel audit` prints it."""
        return Text(explain(self.report))

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values."""
        plain: dict[str, Any] = msgspec.to_builtins(self.report)
        return plain

    def findings_frame(self) -> pd.DataFrame:
        """Each finding: how grave, the cause, in which columns, how many rows, and what it inflates by."""
        return frames.audit_findings(self.report.findings)

    def checks_frame(self) -> pd.DataFrame:
        """Each check: what became of it, and what one that was not made needs."""
        return frames.audit_checks(self.report.checks)

    def rows_frame(self) -> pd.DataFrame:
        """The rows to look at, by the number of their finding and their place in each file, the first being 0."""
        return frames.audit_rows(self.report.findings)

    def failing(self, fail_on: Severity = "warning") -> tuple[Finding, ...]:
        """Findings of a severity, or a graver one."""
        return gate.failing(self.report, _severity(fail_on))

    def require_clean(self, fail_on: Severity = "warning") -> AuditResult:
        """Stop a test or a pipeline where there is such a finding, or a graver one, or a check failed.

        Returns
        -------
        AuditResult
            This one, where there is none.

        Raises
        ------
        LeakageFoundError
            Its message is the table of these findings.
        FatalError
            If there is none, but a check failed, which is no all-clear. One that merely lacks something is left to you:
            `checks_frame` names it.
        """
        found = self.failing(fail_on)
        if not found and self.failed:
            raise FatalError("; ".join(gate.complaints(self.report)))
        if not found:
            return self
        told = f"{self.report.model} {self.report.version}: {headline(self.report)}"
        raise LeakageFoundError(f"{told}\n{table(self.report, found)}", found)

    def exit_status(self, fail_on: Severity) -> int:
        """That of `sentinel audit --fail-on`: 3 where there is such a finding, 1 where a check failed, else 0."""
        return EXIT_ALERT if self.failing(fail_on) else int(bool(self.failed))

    def to_html(self, path: str | os.PathLike[str], *, show_values: bool = False) -> None:
        """Write the page that `sentinel audit --html` writes; it needs no server, no network and no script.

        Parameters
        ----------
        path : path
        show_values : bool
            Show the values of the rows to look at: whoever has the page then has them.

        Raises
        ------
        FatalError
            If the file cannot be written, or values are asked for of an audit that was read from a file.
        """
        rows, values = self._rows, None
        if show_values:
            if rows is None:
                raise FatalError("this audit was read from a file, which holds no values: make it anew to show them")
            values = read_values(self.report, rows.model, validation=rows.validation, train=rows.train)
        model = None if rows is None else rows.model
        write_whole(path, render_audit_report(self.report, model=model, values=values).encode())

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the JSON that `sentinel audit --json` writes, whole or not at all; `read_audit` reads it back.

        Raises
        ------
        FatalError
            If the file cannot be written.
        """
        write_whole(path, document.to_json(self.report))

    def _repr_html_(self) -> str:
        return summary(self.report)

    def __repr__(self) -> str:
        worst = self.report.worst or (f"{len(self.failed)} checks failed" if self.failed else "clean")
        return f"AuditResult({self.report.model!r}, {self.report.version!r}, {worst}, {len(self.findings)} findings)"


def check_leakage(
    train: Given | None,
    validation: Given,
    *,
    manifest: Mapping[str, Any] | str | os.PathLike[str] | None = None,
    score: str | None = None,
    outcome: str | Mapping[str, Any] | None = None,
    group: str | None = None,
    model: str | None = None,
    version: str | None = None,
    task: Task = "binary",
    columns: Mapping[str, str] | None = None,
    pipeline: Any = None,
    unpickle_pipeline: bool = False,
    score_with: ScoreWith | None = None,
    fit_with: FitWith | None = None,
    checks: Sequence[str] = (),
    skip: Sequence[str] = (),
    propose_split: bool = False,
    config: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    **settings: Any,
) -> AuditResult:
    """Audit training and validation rows for leakage, before the model ships.

    Parameters
    ----------
    train : DataFrame, Arrow table, or path, or None
        The rows that the model was trained on. Without them only what validation rows tell alone is checked.
    validation : DataFrame, Arrow table, or path
        Scored rows with their outcomes. Every column that plays no part is a feature. Without a score nothing is said
        of how much a finding inflates.
    manifest : mapping or path, optional
        How the rows were split, and what preprocessing was fitted to: ``{"split": {"protocol": "random"}}``.
    score, outcome, group : str, optional
        The columns that hold them, where they have other names than these.
    model, version : str, optional
        Names of the model: ``"model"`` and ``"1"`` by default.
    task : "binary", "multiclass", "regression" or "ranking"
    columns : mapping, optional
        The column that plays another part: ``{"predicted_at": "day"}``.
    pipeline : fitted scikit-learn estimator, or path of one, optional
        What it was fitted to is compared with the rows. A path is that of a ``.skops`` file.
    unpickle_pipeline : bool
        Read ``pipeline`` even from a pickle, which can run any code: for files of your own.
    score_with : callable, optional
        The model: takes rows as a DataFrame, returns one score each.
    fit_with : callable, optional
        A fit from scratch: takes training rows with their outcomes and rows to score without, returns one score for
        each row to score.
    checks, skip : sequence of str
        Make these checks alone, and leave these out.
    propose_split : bool
        Propose splits by time, entity or class, each as code; with ``fit_with`` the metric under each.
    config : path, optional
        Take all settings from this configuration file; then only ``model`` and ``version`` may be given beside it.
    progress : callable, optional
        Told how much of a pass over the rows is done, 0 to 1.
    **settings
        Anything else that a configuration holds of a model: ``features``, ``audit``, ...

    Returns
    -------
    AuditResult

    Raises
    ------
    FatalError
        If the rows or the settings cannot be used; the message names the column and the mend.

    Warns
    -----
    DataWarning
        Of what was assumed, of what the rows cannot tell, and of checks that failed.
    """
    named = {"score": score, "outcome": outcome if isinstance(outcome, str) else None, "group": group}
    own = {"columns": _columns(columns, task, named), "outcome": None if isinstance(outcome, str) else outcome}
    chosen = chosen_settings(config, model, version, task, {**own, **settings})
    roles = set(chosen.columns.roles(chosen.task).values())
    rows = as_rows(validation, "validation", roles)
    trained = None if train is None else as_rows(train, "training", roles)
    warn(_inspected(rows, "validation", chosen, [part for part, name in named.items() if name is not None]))
    given = scan.Given(
        model=chosen,
        validation=rows,
        train=trained,
        manifest=manifest_of(manifest),
        pipeline=Path(pipeline) if isinstance(pipeline, str | os.PathLike) else pipeline,
        unpickle_pipeline=unpickle_pipeline,
        score_with=score_with,
        fit_with=fit_with,
    )
    if propose_split:
        check_installed()
    report = scan.audit(
        given,
        now_us=SystemClock().now_us(),
        progress=by_steps(progress),
        checks=guarded(chosen_checks(tuple(checks), tuple(skip))),
        propose=propose_split,
    )
    warn([*gate.unjudged(report), *gate.complaints(report)])
    return AuditResult(report, _Rows(chosen, rows, trained))


def read_audit(path: str | os.PathLike[str]) -> AuditResult:
    """Read an audit that `sentinel audit --json` or `AuditResult.save` wrote.

    Raises
    ------
    FatalError
        If the file cannot be read, or is no audit of this version.
    """
    return AuditResult(document.read_report(path))


def _columns(
    columns: Mapping[str, str] | None, task: Task, named: Mapping[str, str | None]
) -> Mapping[str, str] | None:
    parts = {"score": "scores" if task == "multiclass" else "score", "outcome": outcome_part(task), "group": "group"}
    said = {parts[part]: name for part, name in named.items() if name is not None}
    return {**(columns or {}), **said} or None


def _inspected(rows: Path | pa.Table, what: str, model: Model, named: Sequence[str]) -> list[str]:
    """Of rows in memory, what is assumed of the columns that are there; those that were named have to be."""
    if isinstance(rows, Path):
        return []
    roles = model.columns.roles(model.task)
    wanted = {part: part for part in ("score", "predicted_at", "outcome_at", "group")}
    wanted["outcome"] = outcome_part(model.task)
    parts = [
        role for part, role in wanted.items() if role in roles and (part in named or roles[role] in rows.column_names)
    ]
    return inspect(rows, what, model.columns, model.task, parts)


def _severity(fail_on: Severity) -> Severity:
    if fail_on not in ("critical", "warning", "info"):
        raise FatalError(f"fail_on is {fail_on!r}: give 'critical', 'warning' or 'info'")
    return fail_on
