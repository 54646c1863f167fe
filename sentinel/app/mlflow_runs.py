"""Runs of MLflow: what one logged, read as plain values, and what an audit says, logged back into it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sentinel.errors import FatalError

if TYPE_CHECKING:
    from sentinel.audit.findings import AuditReport

CONTEXT: Final = "mlflow.data.context"
PARENT: Final = "mlflow.parentRunId"
FOLDER: Final = "sentinel"
"""Where the artifacts of an audit go, in those of the run."""


@dataclass(frozen=True, slots=True)
class LoggedRows:
    """A dataset that a run says it read. Its source is left out: an address may hold a login."""

    name: str
    context: str
    digest: str
    source_type: str
    n_rows: int | None


@dataclass(frozen=True, slots=True)
class LoggedRun:
    """What a run logged.

    Parameters
    ----------
    id : str
    metrics : mapping of str to float
        The last value of each.
    tags : mapping of str to str
    rows : tuple of LoggedRows
    artifacts : tuple of str
        Paths of files.
    n_siblings : int
        Finished runs under the same parent, or under this one where it has none: what a search compared. 0 if alone.
    """

    id: str
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    rows: tuple[LoggedRows, ...]
    artifacts: tuple[str, ...]
    n_siblings: int


class Runs:
    """The runs that a tracking server, or a database, keeps. Nothing that its address holds enters a message.

    Parameters
    ----------
    tracking_uri : str, optional
        As ``MLFLOW_TRACKING_URI`` says by default.

    Raises
    ------
    FatalError
        If MLflow is not installed, or cannot be reached there.
    """

    def __init__(self, tracking_uri: str | None = None) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing of an audit is anyone else's concern
        try:
            from mlflow import MlflowClient
        except ImportError as error:
            raise FatalError(f"{error}: runs of MLflow need `pip install 'sentinel-leakage[mlflow]'`") from error
        with _told("the tracking server cannot be reached"):
            self._client = MlflowClient(tracking_uri=tracking_uri)

    def read(self, run_id: str) -> LoggedRun:
        """What a run logged.

        Raises
        ------
        FatalError
            If there is no such run, or the server does not answer.
        """
        with _told(f"run {run_id} cannot be read"):
            run = self._client.get_run(run_id)
            artifacts = tuple(self._files(run_id, None))
            n_siblings = self._siblings(run)
        inputs = run.inputs.dataset_inputs if run.inputs is not None else []
        return LoggedRun(
            id=run_id,
            metrics=dict(run.data.metrics),
            tags=dict(run.data.tags),
            rows=tuple(map(_rows, inputs)),
            artifacts=artifacts,
            n_siblings=n_siblings,
        )

    def fetch(self, run_id: str, artifact: str, folder: Path) -> Path:
        """Write an artifact into a folder, under its own name.

        Raises
        ------
        FatalError
            If it cannot be had.
        """
        target = folder / Path(artifact).name
        with _told(f"the artifact {artifact} of run {run_id} cannot be had"), tempfile.TemporaryDirectory() as scratch:
            found = Path(self._client.download_artifacts(run_id, artifact, scratch))
            target.write_bytes(found.read_bytes())
        return target

    def log_audit(self, run_id: str, report: AuditReport, documents: Mapping[str, bytes]) -> None:
        """Log an audit: documents as artifacts, counts and the offline estimate as metrics, the gravest finding as tag.

        Parameters
        ----------
        run_id : str
        report : AuditReport
        documents : mapping of file name to content
            Without values of rows: whoever reads the run reads them.

        Raises
        ------
        FatalError
            If the server does not take it.
        """
        with _told(f"the audit cannot be logged to run {run_id}"), tempfile.TemporaryDirectory() as scratch:
            for name, content in documents.items():
                path = Path(scratch) / name
                path.write_bytes(content)
                self._client.log_artifact(run_id, str(path), FOLDER)
            for name, value in audit_metrics(report).items():
                self._client.log_metric(run_id, name, value)
            self._client.set_tag(run_id, "sentinel.audit", report.worst or "clear")

    def _files(self, run_id: str, folder: str | None) -> Iterator[str]:
        for found in self._client.list_artifacts(run_id, folder):
            if found.is_dir:
                yield from self._files(run_id, found.path)
            else:
                yield found.path

    def _siblings(self, run: Any) -> int:
        parent = run.data.tags.get(PARENT, run.info.run_id)
        experiments, n, token = [run.info.experiment_id], 0, None
        while True:
            page = self._client.search_runs(experiments, f"tags.`{PARENT}` = '{parent}'", page_token=token)
            n += sum(1 for one in page if one.info.status == "FINISHED")
            token = page.token
            if not token:
                return n


def audit_metrics(report: AuditReport) -> dict[str, float]:
    """The numbers of an audit that a run is to carry."""
    findings = report.findings
    metrics = {
        f"sentinel_audit_{grade}": float(sum(one.severity == grade for one in findings))
        for grade in ("critical", "warning", "info")
    }
    gains = [one.inflation.gain.value for one in findings if one.inflation is not None]
    if gains:
        metrics["sentinel_audit_largest_inflation"] = max(gains)
    if report.offline is not None and report.metric is not None:
        metrics[f"sentinel_audit_{report.metric}"] = report.offline.value
        metrics[f"sentinel_audit_{report.metric}_lower"] = report.offline.lower
        metrics[f"sentinel_audit_{report.metric}_upper"] = report.offline.upper
    return metrics


def _rows(logged: Any) -> LoggedRows:
    tags = {tag.key: tag.value for tag in logged.tags}
    dataset = logged.dataset
    return LoggedRows(
        dataset.name, tags.get(CONTEXT, ""), dataset.digest, dataset.source_type, _n_rows(dataset.profile)
    )


def _n_rows(profile: str | None) -> int | None:
    try:
        told = json.loads(profile or "{}")
    except ValueError:
        return None
    n = told.get("num_rows") if isinstance(told, dict) else None
    return n if isinstance(n, int) else None


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn what MLflow, its storage or the network raise into one line; their own words may repeat an address."""
    from mlflow.exceptions import MlflowException, RestException

    try:
        yield
    except RestException as error:
        raise FatalError(f"MLflow: {what}: {error.error_code}") from error
    except MlflowException as error:
        raise FatalError(f"MLflow: {what}: {error.error_code}; see --tracking-uri and MLFLOW_TRACKING_URI") from error
    except OSError as error:
        raise FatalError(f"MLflow: {what}: {error.strerror or type(error).__name__}") from error
