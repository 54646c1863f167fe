"""Words that differ in case, blanks or punctuation alone are told; other words, and new ones, are not."""

from __future__ import annotations

from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sentinel.audit.check import Started
from sentinel.audit.checks import spellings
from sentinel.audit.findings import AuditReport, CheckResult
from sentinel.audit.report.document import to_json
from sentinel.audit.scan import Given, audit
from sentinel.config.model import Model

WORDS = np.array(["north", "south", "east-coast", "west"])


def _frame(seed: int, n: int = 3_000) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {"x": rng.normal(size=n), "region": WORDS[rng.integers(0, 4, n)], "outcome": rng.integers(0, 2, n)}
    )


def _audit(train: pd.DataFrame | None, validation: pd.DataFrame) -> AuditReport:
    held = [None if one is None else pa.Table.from_pandas(one, preserve_index=False) for one in (train, validation)]
    assert held[1] is not None
    given = Given(Model(name="m", version="1"), held[1], held[0])
    return audit(given, now_us=0, checks=[cast(Started, spellings)])


def _check(train: pd.DataFrame | None, validation: pd.DataFrame) -> CheckResult:
    (result,) = _audit(train, validation).checks
    return result


@pytest.mark.parametrize("share", [0.005, 0.05, 0.4])
@pytest.mark.parametrize("written", ["North ", "NORTH", "east coast", "East_Coast"])
def test_share_of_rows_that_are_written_otherwise_is_told(share: float, written: str) -> None:
    """As many rows as were planted."""
    validation = _frame(2)
    n = int(share * len(validation))
    validation.loc[: n - 1, "region"] = written
    (finding,) = _check(_frame(1), validation).findings
    assert finding.columns == ("region",)
    assert finding.n_rows == n
    assert finding.severity == "info"


@pytest.mark.parametrize("seed", range(20))
def test_honest_rows_are_clear(seed: int) -> None:
    """Words that both files write alike never differ, whatever the draw."""
    assert _check(_frame(seed), _frame(seed + 100)).state == "clear"


def test_new_and_known_words_are_no_spellings() -> None:
    """A category that training has never met is another check's; both spellings in training are known to the model."""
    train, validation = _frame(1), _frame(2)
    validation.loc[:500, "region"] = "overseas"
    assert _check(train, validation).state == "clear"
    train.loc[0, "region"] = "NORTH"
    validation.loc[:500, "region"] = "NORTH"
    assert _check(train, validation).state == "clear"


def test_words_of_punctuation_alone_are_not_the_same() -> None:
    """Nothing is left of them to compare."""
    train, validation = _frame(1), _frame(2)
    train.loc[:100, "region"], validation.loc[:500, "region"] = "?", "-"
    assert _check(train, validation).state == "clear"


def test_what_is_missing_is_said() -> None:
    """No training rows; no category; nothing but nulls."""
    assert _check(None, _frame(1)).needs == "--train"
    assert _check(_frame(1).drop(columns="region"), _frame(2).drop(columns="region")).state == "not_checked"
    nothing = _frame(2).assign(region=pd.Series([None] * 3_000, dtype="string"))
    assert _check(_frame(1), nothing).state in ("clear", "not_checked")


def test_columns_of_too_many_words_are_counted_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column with more words than are compared is said to be passed over, and not to be compared."""
    monkeypatch.setattr(spellings, "MOST_WORDS", 3)
    result = _check(_frame(1), _frame(2))
    assert result.detail.startswith("0 categories of 3,000 validation rows compared, 1 of too many words passed over;")


def test_no_word_is_repeated() -> None:
    """Neither spelling stands anywhere in the report."""
    train, validation = _frame(1), _frame(2)
    train.loc[:50, "region"], validation.loc[:500, "region"] = "marker-word", "Marker Word"
    text = to_json(_audit(train, validation)).decode().lower()
    assert "written otherwise" in text
    assert "marker" not in text
