"""``sentinel replay``: the report, the exit status, and every fault in one line."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import pandas as pd
import pytest

from sentinel import cli
from sentinel.app.gate import EXIT_ALERT
from sentinel.baseline.build import build_baseline
from sentinel.config import load_config
from sentinel.simulation import simulate
from sentinel.simulation.files import Files, write_files

SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "report.schema.json"
Capture = pytest.CaptureFixture[str]


@dataclass(frozen=True)
class World:
    """Files of a small simulated month, and the baseline of its validation rows."""

    files: Files
    baseline: Path

    @property
    def stream(self) -> pd.DataFrame:
        """The rows of production."""
        return pd.read_parquet(self.files.stream)


def _world(scenario: str, directory: Path) -> World:
    files = write_files(simulate(scenario, seed=3, n_train=3_000, n_validation=2_500, n_stream=4_000), directory)
    baseline = directory / "churn.baseline"
    model = load_config(files.config).models[0]
    build_baseline(model, files.validation, files.train, files.manifest, now_us=0, progress=None).save(baseline)
    return World(files, baseline)


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A month with a planted target leak."""
    return _world("target_leakage", tmp_path_factory.mktemp("leaky"))


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A month without any planted cause."""
    return _world("clean", tmp_path_factory.mktemp("clean"))


def _replay(world: World, *more: str | Path, baseline: Path | None = None) -> int:
    arguments = ["--config", world.files.config, "--baseline", baseline or world.baseline, "--quiet", *more]
    return cli.main(["replay", *map(str, arguments)])


def _report(path: Path) -> dict[str, Any]:
    report: dict[str, Any] = json.loads(path.read_bytes())
    return report


def test_the_page_of_the_report_is_written(leaky: World, tmp_path: Path, capsys: Capture) -> None:
    """``--html`` writes one file that names the planted feature and links its alerts to the given runbooks."""
    path = tmp_path / "report.html"
    assert _replay(leaky, "--stream", leaky.files.stream, "--html", path, "--runbooks", "https://runbooks.test") == 0
    page = path.read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>")
    assert "cancellation_calls" in page
    assert "https://runbooks.test/SentinelLeakageSuspected.md" in page
    capsys.readouterr()
    assert _replay(leaky, "--stream", leaky.files.stream, "--html", tmp_path / "no" / "report.html") == 1
    assert "there is no such folder" in capsys.readouterr().err


def test_the_report_is_written_and_obeys_the_schema(leaky: World, tmp_path: Path, capsys: Capture) -> None:
    """Every row of the stream is counted, the planted feature is named, and the file fits the documented schema."""
    path = tmp_path / "report.json"
    assert _replay(leaky, "--stream", leaky.files.stream, "--report", path) == 0
    report = _report(path)
    jsonschema.validate(report, json.loads(SCHEMA.read_text()))
    assert report["counts"]["predictions"] == len(leaky.stream)
    assert report["counts"]["joined"] == leaky.stream["outcome"].notna().sum()
    assert report["verdict"]["cause"] == "target_leakage"
    output = capsys.readouterr()
    assert "Verdict: target_leakage" in output.out
    assert output.err == ""


def test_replays_of_one_file_are_the_same_bytes(leaky: World, tmp_path: Path) -> None:
    """Nothing of the clock or the machine is in a report."""
    paths = [tmp_path / name for name in ("a.json", "b.json")]
    assert [_replay(leaky, "--stream", leaky.files.stream, "--report", path) for path in paths] == [0, 0]
    assert paths[0].read_bytes() == paths[1].read_bytes()


@pytest.mark.parametrize("severity", ["critical", "warning"])
def test_an_alert_is_an_exit_status(leaky: World, clean: World, severity: str) -> None:
    """--fail-on is status 3 where a leak was planted and 0 where nothing was."""
    assert _replay(leaky, "--stream", leaky.files.stream, "--fail-on", severity) == EXIT_ALERT == 3
    assert _replay(clean, "--stream", clean.files.stream, "--fail-on", severity) == 0


def test_two_files_are_the_stream(leaky: World, tmp_path: Path) -> None:
    """Predictions and outcomes apart give the report of the file that holds both."""
    frame = leaky.stream
    outcomes, predictions = tmp_path / "outcomes.parquet", tmp_path / "predictions.parquet"
    frame[["prediction_id", "outcome", "outcome_at"]].to_parquet(outcomes, index=False)
    frame.drop(columns=["outcome", "outcome_at"]).to_parquet(predictions, index=False)
    one, two = tmp_path / "one.json", tmp_path / "two.json"
    assert _replay(leaky, "--stream", leaky.files.stream, "--report", one) == 0
    assert _replay(leaky, "--predictions", predictions, "--outcomes", outcomes, "--report", two) == 0
    for part in ("counts", "findings", "features", "verdict"):
        assert _report(one)[part] == _report(two)[part]


def _only_line(capsys: Capture) -> str:
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1, output.err
    assert output.err.startswith("sentinel: ")
    return output.err


@pytest.mark.parametrize(
    "options",
    [
        ["--stream", "{gone}"],
        ["--predictions", "{gone}", "--outcomes", "{stream}"],
        ["--predictions", "{stream}", "--outcomes", "{gone}"],
        ["--stream", "{stream}", "--baseline", "{gone}"],
        ["--stream", "{stream}", "--config", "{gone}"],
        ["--stream", "{stream}", "--report", "{gone}/report.json"],
    ],
)
def test_a_file_that_is_not_there_is_one_line(
    leaky: World, tmp_path: Path, capsys: Capture, options: list[str]
) -> None:
    """Whichever file or folder is missing, its name is told."""
    gone = tmp_path / "gone"
    assert _replay(leaky, *(option.format(gone=gone, stream=leaky.files.stream) for option in options)) == 1
    assert str(gone) in _only_line(capsys)


def test_dead_letters_that_cannot_be_written_are_one_line(leaky: World, tmp_path: Path, capsys: Capture) -> None:
    """A file where the folder should be: what was refused would be lost, so the replay ends."""
    stream, file = tmp_path / "bad.parquet", tmp_path / "file"
    file.write_text("")
    _write(leaky.stream.head(5).assign(score=7.5), stream)
    assert _replay(leaky, "--stream", stream, "--dead-letters", file / "letters.jsonl") == 1
    assert str(file) in _only_line(capsys)


@pytest.mark.parametrize(
    "options", [[], ["--predictions", "p"], ["--outcomes", "o"], ["--stream", "s", "--outcomes", "o"]]
)
def test_the_files_have_to_be_named_one_way(leaky: World, capsys: Capture, options: list[str]) -> None:
    """Neither, half, or both ways of naming the stream is told with what is expected."""
    assert _replay(leaky, *options) == 1
    assert "give either --stream, or --predictions and --outcomes together" in _only_line(capsys)


def test_the_baseline_of_another_model_is_refused(leaky: World, tmp_path: Path, capsys: Capture) -> None:
    """Live churn is not held against what was promised of another version."""
    config = tmp_path / "other.yaml"
    config.write_text(leaky.files.config.read_text().replace('version: "1"', 'version: "2"'))
    assert _replay(leaky, "--stream", leaky.files.stream, "--config", config) == 1
    assert "the baseline was built for churn 1 (binary), not for churn 2 (binary)" in _only_line(capsys)


@pytest.mark.parametrize("damage", [lambda _: b"", lambda data: data[: len(data) // 2], lambda data: b"x" + data])
def test_a_damaged_baseline_is_one_line(
    leaky: World, tmp_path: Path, capsys: Capture, damage: Callable[[bytes], bytes]
) -> None:
    """Empty, cut off or altered: the file is named and nothing is replayed."""
    path = tmp_path / "damaged.baseline"
    path.write_bytes(damage(leaky.baseline.read_bytes()))
    assert _replay(leaky, "--stream", leaky.files.stream, baseline=path) == 1
    assert str(path) in _only_line(capsys)


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_an_empty_stream_is_no_evidence(leaky: World, tmp_path: Path, suffix: str) -> None:
    """No rows: a whole report of nothing, whose verdict is that there is no evidence."""
    stream, path = tmp_path / f"empty{suffix}", tmp_path / "report.json"
    _write(leaky.stream.head(0), stream)
    assert _replay(leaky, "--stream", stream, "--report", path, "--fail-on", "warning") == 0
    report = _report(path)
    assert (report["counts"]["predictions"], report["counts"]["joined"]) == (0, 0)
    assert report["verdict"]["cause"] == "insufficient_evidence"


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_stream_of_bad_rows_is_refused_row_by_row(leaky: World, tmp_path: Path, suffix: str) -> None:
    """Every prediction has a score beyond 1: each is a dead letter with its reason, and none is counted."""
    stream, path, letters = tmp_path / f"bad{suffix}", tmp_path / "report.json", tmp_path / "letters.jsonl"
    frame = leaky.stream.head(50).assign(score=7.5)
    _write(frame, stream)
    assert _replay(leaky, "--stream", stream, "--report", path, "--dead-letters", letters) == 0
    report = _report(path)
    assert (report["counts"]["predictions"], report["counts"]["joined"]) == (0, 0)
    refused = [json.loads(line) for line in letters.read_text().splitlines()]
    assert len([letter for letter in refused if "score" in letter["reason"]]) == len(frame)


@pytest.mark.parametrize("content", [b"", b"PAR1 and nothing more", b"\xff\xfe\x00"])
@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_a_stream_that_is_no_table_is_one_line(
    leaky: World, tmp_path: Path, capsys: Capture, content: bytes, suffix: str
) -> None:
    """Bytes that are no table, or a table without our columns, are told with the file's name."""
    stream = tmp_path / f"stream{suffix}"
    stream.write_bytes(content)
    assert _replay(leaky, "--stream", stream) == 1
    assert str(stream) in _only_line(capsys)


def _write(frame: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)
