"""``sentinel simulate``: files that the other commands read, and arguments that make no sense."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pandas as pd
import pytest

from sentinel import cli
from sentinel.baseline.build import build_baseline
from sentinel.config import load_config

Capture = pytest.CaptureFixture[str]
FILES = {"train.parquet", "validation.parquet", "stream.parquet", "manifest.yaml", "sentinel.yaml", "truth.json"}


def _simulate(output: Path, *arguments: str) -> int:
    return cli.main(["simulate", "--output", str(output), *arguments])


def test_a_trial_is_written_whole(tmp_path: Path, capsys: Capture) -> None:
    """All files are there, a baseline can be built from them, and the truth is what was asked for."""
    output = tmp_path / "new"
    arguments = ("--generator", "series", "--cause", "target_leakage", "--variant", "null", "--severity", "large")
    assert _simulate(output, *arguments, "--seed", "4") == 0
    assert {path.name for path in output.iterdir()} - {"backfills.parquet"} == FILES
    truth = json.loads((output / "truth.json").read_text("utf-8"))
    assert (truth["scenario"], truth["severity"]) == ("series:target_leakage:null", "large")
    assert truth["gap"] == pytest.approx(truth["offline_auc"] - truth["online_auc"])
    model = load_config(output / "sentinel.yaml").models[0]
    parts = [output / name for name in ("validation.parquet", "train.parquet", "manifest.yaml")]
    baseline = build_baseline(model, *parts, now_us=0)
    assert baseline.summary.n_predictions == len(pd.read_parquet(parts[0]))
    assert str(output) in capsys.readouterr().out


def test_feature_times_and_backfills_are_written_where_there_are_any(tmp_path: Path, capsys: Capture) -> None:
    """Over some seeds both occur: times as a column of structs, backfills as a file of known predictions."""
    n_times = n_backfills = 0
    capsys.readouterr()
    for seed in range(8):
        output = tmp_path / str(seed)
        assert _simulate(output, "--cause", "none", "--variant", "clean", "--seed", str(seed)) == 0
        said = "recomputed afterwards in backfills.parquet" in capsys.readouterr().out
        assert said == (output / "backfills.parquet").exists()
        stream = pd.read_parquet(output / "stream.parquet")
        n_times += "feature_times" in stream
        if (output / "backfills.parquet").exists():
            n_backfills += 1
            again = pd.read_parquet(output / "backfills.parquet")
            assert set(again["prediction_id"]) <= set(stream["prediction_id"])
        if "feature_times" in stream:
            assert set(stream["feature_times"].iloc[0]) < set(stream.columns)
    assert 0 < n_times < 8
    assert 0 < n_backfills < 8


def test_a_scenario_is_written_too(tmp_path: Path) -> None:
    """The fixed scenarios have the same files."""
    assert _simulate(tmp_path, "--scenario", "clean") == 0
    assert {path.name for path in tmp_path.iterdir()} == FILES


def test_same_seed_same_files(tmp_path: Path) -> None:
    """Two runs differ in no byte of their rows."""
    for name in ("a", "b"):
        assert _simulate(tmp_path / name, "--cause", "label_shift", "--seed", "9") == 0
    for part in ("train", "validation", "stream"):
        first, second = (pd.read_parquet(tmp_path / name / f"{part}.parquet") for name in ("a", "b"))
        pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_a_folder_in_use_is_left_alone(tmp_path: Path, capsys: Capture) -> None:
    """Nothing is written into a folder that holds something, nor onto a file."""
    (tmp_path / "mine").write_text("x")
    for output in (tmp_path, tmp_path / "mine"):
        assert _simulate(output, "--cause", "none") == 1
        assert capsys.readouterr().err == f"sentinel: {output} is there and not an empty folder: nothing was written\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--cause", "bad"), "no cause is named 'bad' (there are target_leakage, "),
        (("--cause", "none", "--variant", "bad"), "none has no variant 'bad' (there are clean, "),
        (("--cause", "none", "--generator", "bad"), "no generator is named 'bad' (there are customers, "),
        (("--cause", "none", "--seed", "-1"), "--seed is a whole number of 0 or more, not -1\n"),
        (("--scenario", "clean", "--severity", "small"), "--generator, --variant and --severity belong to --cause"),
        (("--scenario", "claen"), "no scenario is named 'claen'; did you mean clean?"),
    ],
)
def test_arguments_that_make_no_sense(
    arguments: tuple[str, ...], message: str, tmp_path: Path, capsys: Capture
) -> None:
    """One line says what is wrong, and no folder is made."""
    assert _simulate(tmp_path / "new", *arguments) == 1
    assert capsys.readouterr().err.startswith(f"sentinel: {message}")
    assert not (tmp_path / "new").exists()


def test_the_list_needs_no_output(capsys: Capture) -> None:
    """Generators and causes are listed, with their variants."""
    assert cli.main(["simulate", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "generators: customers, conversions, series, loans"
    assert "label_shift            by_half, threefold" in lines


def test_an_output_is_needed(capsys: Capture) -> None:
    """Without a folder there is nowhere to write to."""
    assert cli.main(["simulate", "--cause", "none"]) == 1
    assert capsys.readouterr().err == "sentinel: --output names the folder to write to\n"


def test_without_the_extra_it_is_one_line(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library of the models is not installed, the line says what to install."""
    for name in ("sklearn.ensemble", "sklearn.linear_model"):
        monkeypatch.setitem(sys.modules, name, None)
    assert _simulate(tmp_path / "new", "--cause", "none") == 1
    error = capsys.readouterr().err
    assert error == "sentinel: a trial trains a real model: pip install 'sentinel-leakage[simulation]'\n"


def test_benchmark_without_the_extra_is_one_line(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scoreboard, too."""
    for name in ("sklearn.ensemble", "sklearn.linear_model"):
        monkeypatch.setitem(sys.modules, name, None)
    assert cli.main(["benchmark", "--trials", "1", "--processes", "1"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("sentinel: a trial trains a real model: pip install")
