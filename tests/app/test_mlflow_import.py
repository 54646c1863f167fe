"""A run in a real store of MLflow becomes a manifest and rows, and takes an audit back."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest

from sentinel.app.mlflow_import import digest_of, import_run, manifest_of, stated_metrics
from sentinel.app.mlflow_runs import LoggedRun, Runs, audit_metrics
from sentinel.audit.files.manifest import read_manifest
from sentinel.audit.scan import Given, audit
from sentinel.cli import main
from sentinel.config.model import Model
from sentinel.errors import BaselineError, FatalError

pytest.importorskip("mlflow")
pytestmark = pytest.mark.filterwarnings("ignore:Starting with pandas version 4.0")  # within mlflow.data

if TYPE_CHECKING:
    from mlflow import MlflowClient

SECRET = "s3cr3t-login"


@pytest.fixture
def uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A tracking store in a folder."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # the smallest one there is; servers answer the same calls
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return (tmp_path / "runs").as_uri()


def _frame(n: int = 300, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score = rng.random(n)
    return pd.DataFrame(
        {
            "prediction_id": [f"p{i}" for i in range(n)],
            "predicted_at": pd.date_range("2026-01-01", periods=n, freq="h"),
            "score": score,
            "outcome": (rng.random(n) < score).astype(np.int64),
            "x": rng.normal(size=n),
        }
    )


def _client(uri: str) -> MlflowClient:
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=uri)


def _log(uri: str, folder: Path) -> str:
    """A run as a training job logs it: metrics, tags, the validation rows as artifact and as dataset."""
    from mlflow.data.pandas_dataset import from_pandas
    from mlflow.entities import DatasetInput, InputTag

    client = _client(uri)
    run_id: str = client.create_run(client.create_experiment("churn")).info.run_id
    path = folder / "validation.parquet"
    _frame().to_parquet(path, index=False)
    client.log_artifact(run_id, str(path), "data")
    # Read back, for the digest is of what the file holds: times come back in another unit.
    logged = from_pandas(pd.read_parquet(path), source=f"https://me:{SECRET}@host/rows", name="held out")
    context = InputTag("mlflow.data.context", "validation")
    client.log_inputs(run_id, [DatasetInput(logged._to_mlflow_entity(), [context])])
    client.log_metric(run_id, "val_roc_auc", 0.91)
    client.log_metric(run_id, "train_auc", 0.99)
    for name, text in (("split.protocol", "time"), ("split.seed", "7"), ("candidates", "12"), ("baseline", "abc")):
        client.set_tag(run_id, f"sentinel.{name}", text)
    client.set_tag(run_id, "password", SECRET)
    return run_id


def test_run_becomes_manifest_and_rows(uri: str, tmp_path: Path) -> None:
    """Metrics of validation rows, tags of ours and datasets are taken over; the rows are fetched; nothing else is."""
    run_id = _log(uri, tmp_path)
    imported = import_run(Runs(uri), run_id, tmp_path / "out")
    manifest = read_manifest(imported.manifest)
    assert manifest == {
        "split": {"protocol": "time", "seed": 7},
        "candidates": 12,
        "stated_metrics": {"auc": 0.91},
        "mlflow": {
            "run_id": run_id,
            "datasets": [
                {
                    "name": "held out",
                    "context": "validation",
                    "digest": digest_of(tmp_path / "validation.parquet"),
                    "rows": 300,
                }
            ],
        },
    }
    assert list(imported.rows) == ["validation"]
    pd.testing.assert_frame_equal(pd.read_parquet(imported.rows["validation"]), _frame(), check_dtype=False)
    assert "validation rows: the digest is that of the run" in imported.notes
    assert SECRET not in imported.manifest.read_text() + repr(imported.notes)


def test_other_rows_than_the_run_read_are_told(uri: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another number of rows fails the command; as many, but others, have another digest."""
    run_id = _log(uri, tmp_path)
    fewer, others = tmp_path / "fewer.parquet", tmp_path / "others.parquet"
    _frame(200).to_parquet(fewer)
    _frame(seed=2).to_parquet(others)
    command = ["baseline", "import", "mlflow", run_id, "--tracking-uri", uri, "--output", str(tmp_path / "out")]
    assert main([*command, "--validation", str(fewer)]) == 1
    assert "200 here, 300 in the run: they are not the rows that it read" in capsys.readouterr().out
    assert main([*command, "--validation", str(others)]) == 0
    assert "another digest than the run's" in capsys.readouterr().out


def test_manifest_that_was_logged_goes_before_tags(uri: str, tmp_path: Path) -> None:
    """What the run's own manifest states stands; what it leaves out is filled in."""
    run_id = _log(uri, tmp_path)
    _client(uri).log_text(run_id, "candidates: 3\nscaler: kept\n", "manifest.yaml")
    manifest = read_manifest(import_run(Runs(uri), run_id, tmp_path / "out").manifest)
    assert (manifest["candidates"], manifest["scaler"], manifest["split"]["protocol"]) == (3, "kept", "time")


def test_finished_runs_of_a_search_are_its_candidates(uri: str) -> None:
    """Siblings count, those that failed do not."""
    client = _client(uri)
    experiment = client.create_experiment("search")
    parent = client.create_run(experiment).info.run_id
    children = [client.create_run(experiment, tags={"mlflow.parentRunId": parent}).info.run_id for _ in range(4)]
    for child in children[:3]:
        client.set_terminated(child)
    client.set_terminated(children[3], "FAILED")
    assert manifest_of(Runs(uri).read(children[0]), {})["candidates"] == 3
    assert manifest_of(Runs(uri).read(parent), {"candidates": 9})["candidates"] == 9


def test_audit_is_logged_to_the_run(uri: str, tmp_path: Path) -> None:
    """The command leaves both documents, the metrics and a tag behind; the page holds no value of a row."""
    run_id = _log(uri, tmp_path)
    config = tmp_path / "sentinel.yaml"
    config.write_text('apiVersion: sentinel/v1\nmodels: [{name: churn, version: "1"}]\n')
    rows = str(tmp_path / "validation.parquet")
    command = ["audit", "--config", str(config), "--validation", rows, "--quiet", "--show-values"]
    command += ["--html", str(tmp_path / "own.html"), "--log-to-mlflow", run_id, "--tracking-uri", uri]
    assert main(command) == 0
    run = Runs(uri).read(run_id)
    assert {"sentinel/audit.json", "sentinel/audit.html"} <= set(run.artifacts)
    assert run.metrics["sentinel_audit_critical"] == 0.0
    assert run.metrics["sentinel_audit_auc_lower"] < run.metrics["sentinel_audit_auc"]
    assert run.tags["sentinel.audit"] in ("clear", "info", "warning")
    page = Runs(uri).fetch(run_id, "sentinel/audit.html", tmp_path).read_text()
    assert not any(f"{value:.5f}"[:7] in page for value in _frame()["x"][:50])


def test_metrics_of_an_audit_are_its_counts_and_estimate(tmp_path: Path) -> None:
    """As many findings of each severity as the report has, and the estimate with its interval."""
    path = tmp_path / "rows.parquet"
    _frame().to_parquet(path)
    report = audit(Given(Model(name="m", version="1"), path), now_us=0)
    metrics = audit_metrics(report)
    assert sum(metrics[f"sentinel_audit_{grade}"] for grade in ("critical", "warning", "info")) == len(report.findings)
    assert report.offline is not None
    assert metrics["sentinel_audit_auc_upper"] == report.offline.upper


def test_unknown_run_is_one_line_without_the_address(uri: str, tmp_path: Path) -> None:
    """The error names the run; what the address holds stays out."""
    with pytest.raises(FatalError, match=r"^MLflow: run nowhere cannot be read: ") as caught:
        import_run(Runs(f"{uri}-{SECRET}"), "nowhere", tmp_path / "out")
    assert SECRET not in str(caught.value)


def test_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without MLflow the error says what to install."""
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(FatalError, match=r"sentinel-leakage\[mlflow\]"):
        Runs("file:nowhere")


def _run(tags: dict[str, str]) -> LoggedRun:
    return LoggedRun("r", {}, tags, (), (), 0)


def test_tag_that_no_manifest_may_hold_is_refused() -> None:
    """As the manifest's own rules say it, naming the run; or where two tags exclude each other."""
    with pytest.raises(BaselineError, match=r"run r:\d+: candidates must be"):
        manifest_of(_run({"sentinel.candidates": "many"}), {})
    with pytest.raises(FatalError, match=r"the tag sentinel\.split\.seed stands beside"):
        manifest_of(_run({"sentinel.split": "time", "sentinel.split.seed": "3"}), {})


def test_name_of_a_metric_that_says_validation_goes_first() -> None:
    """Whatever the order, and whatever the case."""
    assert stated_metrics({"AUC": 0.99, "Validation_AUROC": 0.8, "test_auc": 0.7}) == {"auc": 0.8}
    assert stated_metrics({"loss": 0.1}) == {}
