"""The manifest: kept whole, and refused with file and line where a known key has the wrong shape."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sentinel.audit.files.manifest import parse_manifest, read_manifest, without_values
from sentinel.errors import BaselineError
from sentinel.simulation import simulate
from sentinel.simulation.files import write_files


def _write(folder: Path, text: str) -> Path:
    path = folder / "manifest.yaml"
    path.write_text(text)
    return path


def test_everything_is_kept(tmp_path: Path) -> None:
    """Known and unknown keys, nested values, and a dollar that means nothing here."""
    text = "split: {protocol: time, seed: 3}\ncandidates: 12\nscaler: {mean: [1.5, null, true], note: cost $HOME}\n"
    assert read_manifest(_write(tmp_path, text)) == {
        "split": {"protocol": "time", "seed": 3},
        "candidates": 12,
        "scaler": {"mean": [1.5, None, True], "note": "cost $HOME"},
    }


def test_the_simulated_manifest_is_read(tmp_path: Path) -> None:
    """What the simulation writes is what the baseline reads."""
    simulated = simulate("clean", seed=1, n_train=200, n_validation=100, n_stream=100)
    assert read_manifest(write_files(simulated, tmp_path).manifest) == simulated.manifest


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("- 1\n", ":1: a manifest is a mapping"),
        ("a: 1\nsplit: random\n", ":2: split must be a mapping such as {protocol: time}, not 'random'"),
        ("split:\n  seed: 1\n  protocol: 4\n", ":3: split.protocol must be a word: random, time, group, not 4"),
        (
            "candidates: 0\n",
            ":1: candidates must be how many models were compared, 1 or more, or the score of each, not 0",
        ),
        ("candidates: true\n", ":1: candidates must be"),
        ("train: {rows: many}\n", ":1: train.rows must be a whole number, not 'many'"),
        ("train: {start: yesterday}\n", ":1: train.start must be an RFC 3339 time, not 'yesterday'"),
        ("go_live: tomorrow\n", ":1: go_live must be an RFC 3339 time, not 'tomorrow'"),
        ("oversampling: often\n", ":1: oversampling must be a word: before_split, after_split, none, not 'often'"),
        ("candidates_correlation: 1\n", ":1: candidates_correlation must be a number from 0 to below 1, not 1"),
        ("fit_statistics:\n  age: 4\n", ":2: fit_statistics.age must be a mapping such as {mean: 41.2, sd: 9.7"),
        ("fit_statistics:\n  age:\n    mean: high\n", ":3: fit_statistics.age.mean must be a number, not 'high'"),
        (
            "encoder_categories: {plan: pro}\n",
            ":1: encoder_categories.plan must be a list of categories, not what stands",
        ),
        (
            "encoder_categories: [pro]\n",
            ":1: encoder_categories must be a mapping of features such as {plan: [free, pro]}, not w",
        ),
        ("candidates: [0.7, high]\n", ":1: candidates must be"),
        ("candidates: {}\n", ":1: candidates must be"),
        ("fit_statistics: {age: {iqr: wide}}\n", ":1: fit_statistics.age.iqr must be a number, not 'wide'"),
        (
            "fit_statistics: {age: {quantiles: {q1: 3}}}\n",
            ":1: fit_statistics.age.quantiles must be a mapping of shares",
        ),
        ("fit_statistics: {age: {n: 1.5}}\n", ":1: fit_statistics.age.n must be a whole number, not 1.5"),
        ("vocabularies:\n  note: late\n", ":2: vocabularies.note must be a list of tokens, not what stands there"),
        ("target_encodings: {plan: [pro]}\n", ":1: target_encodings.plan must be a mapping of categories to numbers"),
        (
            "target_encodings: {plan: {pro: x}}\n",
            ":1: target_encodings.plan must be a mapping of categories to numbers",
        ),
        ("selected_features: {method: best}\n", ":1: selected_features.method must be a word: univariate_f, mutual_in"),
        ("selected_features: {k: 0}\n", ":1: selected_features.k must be a whole number, 1 or more, not 0"),
        ("selected_features:\n  features: [1]\n", ":2: selected_features.features must be a list of features"),
        ("pca: {columns: [age], mean: [1, 2]}\n", ":1: pca must state as many means as columns"),
        ("fitted_pipeline: [a]\n", ":1: fitted_pipeline must be the path of a file, not ['a']"),
        ("serving_defaults: [age]\n", ":1: serving_defaults must be a mapping of features"),
        ("split: {protocol: time\n", "not valid YAML"),
        ("a: 1\na: 2\n", ":2:1: a: the key stands twice"),
        ("a: !!python/object:os.system {}\n", "tags are not supported"),
    ],
)
def test_faults_name_file_and_line(tmp_path: Path, text: str, fault: str) -> None:
    """A manifest that states nonsense is refused at its line."""
    path = _write(tmp_path, text)
    with pytest.raises(BaselineError) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)
    assert fault in str(caught.value)


def test_a_manifest_that_is_not_there(tmp_path: Path) -> None:
    """The message names the path."""
    with pytest.raises(BaselineError, match=r"gone.yaml: cannot read the manifest"):
        read_manifest(tmp_path / "gone.yaml")


def test_every_way_to_state_a_fit_is_taken() -> None:
    """All known keys in their full shapes are kept as they stand."""
    stated = {
        "candidates": {"forest": 0.71, "line": 0.7},
        "fit_statistics": {
            "age": {"mean": 1.5, "variance": 2, "median": 1, "min": 0, "max": 9, "max_abs": 9, "iqr": 2.5},
            "plan": {"most_frequent": "pro", "n": 7, "imputed": 1.5, "subsample": 100},
            "spend": {"quantiles": {"0.25": 1.5, "0.75": 4}},
        },
        "vocabularies": {"note": ["late", 7]},
        "target_encodings": {"plan": {"pro": 0.25, "free": 1}},
        "selected_features": {"method": "correlation", "k": 1, "features": ["age"], "of": ["age", "spend"]},
        "pca": {"columns": ["age"], "mean": [1.5]},
        "fitted_pipeline": "p.skops",
    }
    assert parse_manifest(json.dumps(stated), "manifest") == stated


def test_no_value_is_kept_in_an_artifact() -> None:
    """Of what encoders and scalers know, only the number of entries is left; the rest stays."""
    stated = {
        "split": {"protocol": "time"},
        "fit_statistics": {"age": {"min": 4711.5, "max": 4712.5}},
        "encoder_categories": {"plan": ["qzx", "wvy"]},
        "vocabularies": {"note": ["qzx"]},
        "target_encodings": {"plan": {"qzx": 0.25}},
        "pca": {"columns": ["age"], "mean": [4711.5]},
    }
    kept = without_values(stated)
    assert kept["split"] == stated["split"]
    assert kept["encoder_categories"] == {"plan": 2}
    assert not [mark for mark in ("471", "qzx", "wvy", "0.25") if mark in json.dumps(kept)]
