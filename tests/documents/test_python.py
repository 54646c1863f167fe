"""The Python in the documents runs, and the reference of the interface is that of the code."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import yaml

import sentinel
from sentinel.api.reference import reference
from sentinel.cli.commands import load
from tests.api.conftest import Month, baseline, month
from tests.documents.fences import ROOT, blocks

NOTEBOOK, GATE = ROOT / "docs/how-to/notebook.md", ROOT / "docs/how-to/gate.md"
MLFLOW = ROOT / "docs/how-to/mlflow.md"
__all__ = ["baseline", "month"]  # fixtures


@pytest.fixture
def folder(month: Month, baseline: sentinel.Baseline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory that the gate's examples speak of: a stream with a planted leak and its baseline."""
    month.stream.head(2_000).to_parquet(tmp_path / "live.parquet", index=False)
    baseline.save(tmp_path / "churn-7.baseline")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _python(document: Path) -> list[str]:
    return [block.text for block in blocks("python") if block.document == document]


def _gate(start: str) -> dict[str, Any]:
    """Run the example that has this line, and return what it defines."""
    (text,) = (text for text in _python(GATE) if start in text)
    names: dict[str, Any] = {"__name__": "example"}
    exec(compile(text, str(GATE), "exec"), names)
    return names


def test_the_notebook_runs_from_top_to_bottom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every cell runs after those before it, the last lines show something, and the files are written."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    shown: list[object] = []
    for cell in _python(NOTEBOOK):
        tree = ast.parse(cell)
        last = tree.body[-1]
        if isinstance(last, ast.Expr):
            tree.body.pop()
            exec(compile(tree, str(NOTEBOOK), "exec"), names)
            shown.append(eval(compile(ast.Expression(last.value), str(NOTEBOOK), "eval"), names))
        else:
            exec(compile(tree, str(NOTEBOOK), "exec"), names)
    quoted = [block.text.strip() for block in blocks("text") if block.document == NOTEBOOK]
    assert quoted
    assert all(text in names["result"].explain() for text in quoted)
    assert not names["findings"].query("alarm").empty
    assert names["parted"].report == names["result"].report
    assert [type(one).__name__ for one in shown if one is not None] == ["Text", "Result", "Text", "DataFrame", "Chart"]
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {"features.svg", "report.html", "report.json", "churn-7.baseline"}
    assert "have no column 'score' for score; mend: " in capsys.readouterr().out


def test_the_pytest_fails_with_the_verdict(folder: Path) -> None:
    """The example test stops on the planted leak, and has written its page before."""
    test: Callable[[], None] = _gate("def test_live")["test_live_is_as_good_as_validation_promised"]
    with pytest.raises(sentinel.AlertFiringError, match="target_leakage"):
        test()
    assert (folder / "report.html").exists()


def test_the_program_exits_as_the_command_does(folder: Path) -> None:
    """The example program ends with 3 where alerts are firing."""
    with pytest.raises(SystemExit) as stopped:
        _gate("sys.exit(")
    assert stopped.value.code == 3


def test_the_airflow_task_fails_without_retry(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run by decorators that call at once, the example raises what Airflow does not retry."""

    class AirflowFailException(Exception):  # noqa: N818 # Airflow's name
        """Stands for Airflow's."""

    def decorator(*_: object, **__: object) -> Callable[[Any], Any]:
        return lambda function: function

    exceptions, sdk = ModuleType("airflow.exceptions"), ModuleType("airflow.sdk")
    exceptions.AirflowFailException = AirflowFailException  # type: ignore[attr-defined]
    sdk.dag = sdk.task = decorator  # type: ignore[attr-defined]
    for name, module in (("airflow", ModuleType("airflow")), ("airflow.exceptions", exceptions), ("airflow.sdk", sdk)):
        monkeypatch.setitem(sys.modules, name, module)
    with pytest.raises(AirflowFailException, match="churn 1: target_leakage"):
        _gate("@dag(")


class _Tracking(ModuleType):
    """Stands for MLflow: keeps what is logged, and refuses what MLflow would."""

    def __init__(self) -> None:
        super().__init__("mlflow")
        self.metrics: dict[str, float] = {}
        self.tags: dict[str, str] = {}
        self.artifacts: list[str] = []
        self.info = SimpleNamespace(run_id="0123456789abcdef")

    def start_run(self, run_id: str | None = None) -> AbstractContextManager[_Tracking]:
        assert run_id in (None, self.info.run_id)
        return nullcontext(self)

    def log_metric(self, key: str, value: float) -> None:
        assert re.fullmatch(r"[\w\-. /:]+", key)
        self.metrics[key] = float(value)

    def log_artifact(self, local_path: str, artifact_path: str) -> None:
        assert Path(local_path).is_file()
        self.artifacts.append(f"{artifact_path}/{local_path}")

    def set_tag(self, key: str, value: str) -> None:
        self.tags[key] = str(value)


def test_the_baseline_goes_into_the_run_and_the_verdict_after_it(
    month: Month, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The jobs of the MLflow page log a baseline, its estimates with bounds, and in the end what became of them."""
    run = _Tracking()
    monkeypatch.setitem(sys.modules, "mlflow", run)
    train_job, replay_job = _python(MLFLOW)
    exec(compile(train_job, str(MLFLOW), "exec"), {"validation": month.validation, "train": month.train})
    assert run.metrics["sentinel_auc_lower"] < run.metrics["sentinel_auc"] < run.metrics["sentinel_auc_upper"]
    assert run.tags["sentinel.baseline"] == sentinel.load_baseline("churn.baseline").digest
    (folder / "baselines").mkdir()
    (folder / "churn.baseline").rename(folder / "baselines/churn.baseline")  # as the download of the page does
    exec(compile(replay_job, str(MLFLOW), "exec"), {"run_id": run.info.run_id})
    assert run.tags["sentinel.verdict"] == "target_leakage"
    assert run.artifacts == ["sentinel/churn.baseline", "sentinel/report.html"]


def test_the_workflow_runs_a_command_that_there_is() -> None:
    """The step of the workflow is YAML, and its command one that sentinel takes."""
    (text,) = (block.text for block in blocks("yaml") if block.document == GATE)
    (command,) = (step["run"] for step in yaml.safe_load(text)["steps"] if "run" in step)
    program, name, *words = shlex.split(command)
    parser = argparse.ArgumentParser(allow_abbrev=False)
    load(name).add_arguments(parser)
    assert program == "sentinel"
    assert parser.parse_args(words).fail_on == "critical"


def test_the_reference_is_what_the_docstrings_say() -> None:
    """``make docs`` has nothing to change in the page of the Python interface, and every public name is in it."""
    page = (ROOT / "docs/reference/python.md").read_text(encoding="utf-8")
    assert page == reference()
    headings = set(re.findall(r"^## (\w+)$", page, re.MULTILINE))
    assert headings == {*sentinel.__all__} - {"SentinelError", "__version__"}
