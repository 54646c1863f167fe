"""Encoders fitted before the split: scikit-learn fitted to either set of rows is the oracle."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder

from sentinel.audit.checks import encoders
from sentinel.audit.preprocessing.pipelines import manifest_of
from sentinel.audit.preprocessing.target_means import Smoothing, TargetMeans, judge_encoding, own_gain
from tests.audit.frames import look


def _rows(n: int, seed: int, *, n_cities: int = 150, number: bool = False) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    outcome = rng.normal(5.0, 2.0, n) if number else rng.integers(0, 2, n)
    cities = np.char.add("city", rng.integers(0, n_cities, n).astype(str))
    words = np.char.add("word", np.minimum(rng.zipf(1.6, (n, 5)), 4_000).astype(str))
    return pd.DataFrame(
        {
            "city": cities,
            "plan": rng.choice(["free", "pro", "team"], n),
            "note": [" ".join(row) for row in words],
            "outcome": outcome,
            "score": rng.random(n),
        }
    )


@pytest.mark.parametrize("number", [False, True])
@pytest.mark.parametrize("smooth", ["auto", 0.0, 12.5])
def test_target_means_say_whose_outcomes_they_hold(smooth: Any, number: bool) -> None:
    """Scikit-learn's encoder is clear if fitted to training rows, critical if to both files, however it smooths."""
    train, validation = _rows(600, 1, number=number), _rows(300, 2, number=number)
    for rows, severity in (
        (train, None),
        (pd.concat([train, validation]), "critical"),
        (validation, "critical"),
        (_rows(900, 3, number=number), "info"),
    ):
        encoder = TargetEncoder(smooth=smooth, target_type="continuous" if number else "binary")
        manifest = manifest_of(encoder.fit(rows[["city"]], rows["outcome"]))
        task = "regression" if number else "binary"
        result = look(encoders, validation, train, manifest=manifest, task=task)  # type: ignore[arg-type]
        assert [finding.severity for finding in result.findings] == ([] if severity is None else [severity])


def test_a_leak_that_gains_nothing_is_a_warning() -> None:
    """Three categories of ten thousand rows each: the means of both files are wrong, and harm no one."""
    train, validation = _rows(20_000, 1), _rows(20_000, 2)
    both = pd.concat([train, validation])
    manifest = manifest_of(TargetEncoder(target_type="binary").fit(both[["plan"]], both["outcome"]))
    (finding,) = look(encoders, validation, train, manifest=manifest).findings
    assert finding.severity in ("warning", "critical")
    stated = manifest["target_encodings"]["plan"]
    trained, judging = TargetMeans(stated), TargetMeans(stated)
    for side, frame in ((trained, train), (judging, validation)):
        side.add(pa.array(frame["plan"]), frame["outcome"].to_numpy(np.float64))
    told, smoothing = judge_encoding(trained, judging)
    assert told == "both"
    assert smoothing is not None
    gain = own_gain(trained, judging, smoothing, is_binary=True)
    assert (finding.severity == "critical") == (gain >= 0.005)


def test_own_gain_is_the_difference_of_two_areas() -> None:
    """Of two categories that training rows put in the wrong order, the gain is 1 - 2 * .25: AUC .75 against .25."""
    stated = {"a": 0.75, "b": 0.25}
    train, validation = TargetMeans(stated), TargetMeans(stated)
    train.add(pa.array(["a", "b"]), np.array([0.0, 1.0]))
    validation.add(pa.array(["a"] * 4 + ["b"] * 4), np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0]))
    assert own_gain(train, validation, Smoothing(0.0), is_binary=True) == pytest.approx(0.5)


@pytest.mark.parametrize("encoder", [OneHotEncoder(handle_unknown="ignore"), OrdinalEncoder()])
def test_categories_of_validation_rows_alone_are_proof(encoder: Any) -> None:
    """An encoder of both files knows cities that no training row holds; one of training rows knows none."""
    train, validation = _rows(400, 1), _rows(300, 2)
    extra = len(set(validation["city"]) - set(train["city"]))
    assert extra > 0
    clear = look(encoders, validation, train, manifest=manifest_of(encoder.fit(train[["city", "plan"]])))
    assert clear.state == "clear"
    both = pd.concat([train, validation])[["city", "plan"]]
    (finding,) = look(encoders, validation, train, manifest=manifest_of(encoder.fit(both))).findings
    assert (finding.severity, finding.columns) == ("warning", ("city",))
    assert f"knows {extra} category" in finding.title


@pytest.mark.parametrize("n_new", [1, 5, 50])
def test_one_new_category_is_as_much_proof_as_fifty(n_new: int) -> None:
    """The encoder knows each of the new words; how many they are goes into the title."""
    train = pd.DataFrame({"plan": ["a", "b"] * 50, "outcome": [0, 1] * 50})
    validation = pd.DataFrame({"plan": ["a"] * 50 + [f"new{i % n_new}" for i in range(50)], "outcome": [0, 1] * 50})
    words = ["a", "b", *(f"new{i}" for i in range(n_new))]
    result = look(encoders, validation, train, manifest={"encoder_categories": {"plan": words}})
    assert f"knows {n_new} category" in result.findings[0].title


def test_a_list_made_by_hand_is_no_proof() -> None:
    """All countries there are: some in validation rows alone, some in neither file. Good to know, no more."""
    train = pd.DataFrame({"country": ["de", "fr"] * 50, "outcome": [0, 1] * 50})
    validation = pd.DataFrame({"country": ["de", "it"] * 50, "outcome": [0, 1] * 50})
    manifest = {"encoder_categories": {"country": ["de", "fr", "it", "jp", "ke"]}}
    (finding,) = look(encoders, validation, train, manifest=manifest).findings
    assert finding.severity == "info"
    assert "2 are in neither file" in finding.detail


def test_words_of_validation_texts_alone_are_proof() -> None:
    """A vectoriser of both files knows words that no training text holds; upper case is folded as it folds it."""
    train, validation = _rows(300, 1), _rows(200, 2)
    validation["note"] = validation["note"].str.upper()
    for rows, state in ((train, "clear"), (pd.concat([train, validation]), "found")):
        vectorizer = CountVectorizer().fit(rows["note"])
        result = look(encoders, validation, train, manifest={"vocabularies": {"note": list(vectorizer.vocabulary_)}})
        assert result.state == state
    known = set(vectorizer.vocabulary_) - set(CountVectorizer().fit(train["note"]).vocabulary_)
    assert f"knows {len(known)} token" in result.findings[0].title


def test_honest_encoders_raise_no_alarm() -> None:
    """Of 45 encoders, vocabularies and target means of training rows, none is said to know validation rows."""
    for seed in range(15):
        train, validation = _rows(150, seed), _rows(150, 100 + seed)
        manifest = manifest_of(OneHotEncoder().fit(train[["city", "plan"]]))
        manifest |= manifest_of(TargetEncoder(target_type="binary").fit(train[["city", "plan"]], train["outcome"]))
        manifest["vocabularies"] = {"note": list(CountVectorizer().fit(train["note"]).vocabulary_)}
        assert look(encoders, validation, train, manifest=manifest).state == "clear"


def test_parts_in_any_size_say_the_same() -> None:
    """Batches of 9 rows give the findings of one batch."""
    train, validation = _rows(200, 1), _rows(100, 2)
    both = pd.concat([train, validation])
    manifest = manifest_of(TargetEncoder(target_type="binary").fit(both[["city"]], both["outcome"]))
    manifest |= {"encoder_categories": {"plan": ["free"]}, "vocabularies": {"note": ["word1", "word2 word3"]}}
    whole, parts = (look(encoders, validation, train, manifest=manifest, batch_rows=n) for n in (1 << 15, 9))
    assert msgspec.structs.replace(whole, seconds=0.0) == msgspec.structs.replace(parts, seconds=0.0)
    assert "1 tokens of several words were passed over" in whole.detail


def test_what_is_missing_is_named() -> None:
    """No statement, no training rows, no such column, numbers in its place: it says what it needs, or finds nothing."""
    train, validation = _rows(60, 1), _rows(60, 2)
    manifest: dict[str, Any] = {"encoder_categories": {"gone": ["a"]}}
    assert look(encoders, validation, train).state == "not_checked"
    assert look(encoders, validation, None, manifest=manifest).needs == "--train"
    assert look(encoders, validation, train, manifest=manifest).state == "not_checked"
    manifest |= {"vocabularies": {"note": ["word1"]}}
    detail = look(encoders, validation, train, manifest=manifest).detail
    assert "; 1 more that are stated could not be looked up" in detail
    encoded = {"target_encodings": {"score": {"a": 0.5, "b": 0.25}}, "vocabularies": {"score": ["word"]}}
    assert look(encoders, validation, train, manifest=encoded).state == "clear"
    empty = train.assign(city=None)
    stated = {"encoder_categories": {"city": ["a", None]}, "target_encodings": {"city": {"a": 0.5}}}
    assert look(encoders, empty, empty, manifest=stated).state == "clear"


def test_no_category_no_word_and_no_mean_enters_a_finding() -> None:
    """Marks that occur nowhere else are searched for in all that the check says."""
    train = pd.DataFrame({"plan": ["qzx", "kvw"] * 30, "note": "zzqa", "outcome": [0, 1, 1] * 20})
    validation = pd.DataFrame({"plan": ["wvy", "qzx"] * 30, "note": "zzqb", "outcome": [1, 1, 0, 1] * 15})
    both = pd.concat([train, validation])
    means = both.groupby("plan")["outcome"].mean()
    manifest = {
        "encoder_categories": {"plan": ["qzx", "kvw", "wvy"]},
        "vocabularies": {"note": ["zzqa", "zzqb"]},
        "target_encodings": {"plan": means.to_dict()},
    }
    said = msgspec.json.encode(look(encoders, validation, train, manifest=manifest)).decode()
    assert said.count('"warning"') + said.count('"critical"') == 3
    assert not [mark for mark in ("qzx", "kvw", "wvy", "zzq", *(f"{mean:.3f}" for mean in means)) if mark in said]
