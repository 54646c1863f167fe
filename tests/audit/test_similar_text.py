"""Near copies of texts: planted, honest, and what only looks like them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from sentinel.audit.checks import similar_text
from sentinel.audit.findings import CheckResult
from sentinel.config.audit import Audit
from tests.audit.frames import look, rows

N_TRAIN, N_VALIDATION, N_COPIED, N_WORDS = 2_000, 1_000, 100, 60
SETTINGS = Audit(text=["body"])


def _words(rng: np.random.Generator) -> list[str]:
    return ["".join(map(chr, 97 + rng.integers(0, 26, rng.integers(2, 9)))) for _ in range(4_000)]


VOCABULARY = np.array(_words(np.random.default_rng(0)))


def _texts(rng: np.random.Generator, n: int) -> list[str]:
    """Words by Zipf's law, so that unlike texts share the frequent ones as in a language."""
    ranks = np.minimum(rng.zipf(1.4, (n, N_WORDS)) - 1, len(VOCABULARY) - 1)
    return [" ".join(line) for line in VOCABULARY[ranks]]


def _edited(rng: np.random.Generator, text: str, n_words: int) -> str:
    words = text.split()
    for at in rng.choice(len(words), n_words, replace=False):
        words[at] = str(VOCABULARY[rng.integers(len(VOCABULARY))])
    return "\n ".join(words).title()


def _frames(seed: int) -> tuple[pd.DataFrame, pd.DataFrame, np.random.Generator]:
    rng = np.random.default_rng(seed)
    train = rows(N_TRAIN, seed).assign(body=_texts(rng, N_TRAIN))
    validation = rows(N_VALIDATION, seed + 1, first_hour=N_TRAIN).assign(body=_texts(rng, N_VALIDATION))
    return train, validation, rng


def _look(train: pd.DataFrame, validation: pd.DataFrame, batch_rows: int = 1 << 15) -> CheckResult:
    return look(similar_text, validation, train, settings=SETTINGS, batch_rows=batch_rows)


@pytest.mark.parametrize(("n_words", "recall"), [(0, 1.0), (2, 0.98), (4, 0.9)])
def test_edited_copies_are_found(n_words: int, recall: float) -> None:
    """A tenth of validation texts, copied with some of 60 words replaced and in other case and spacing, are found.

    Each word touches about ten of some 330 shingles: an index of (330 - 10 k) / (330 + 10 k), .78 at four words.
    """
    train, validation, rng = _frames(1)
    copied = rng.choice(N_VALIDATION, N_COPIED, replace=False)
    source = rng.choice(N_TRAIN, N_COPIED, replace=False)
    for row, origin in zip(copied, source, strict=True):
        validation.loc[row, "body"] = _edited(rng, train["body"][origin], n_words)

    (finding,) = _look(train, validation).findings

    origins = dict(zip(copied.tolist(), source.tolist(), strict=True))
    assert finding.cause == "duplicate_leakage"
    assert finding.columns == ("body",)
    assert recall * N_COPIED <= finding.n_rows <= N_COPIED
    assert all(origins[pair.validation or 0] == pair.train for pair in finding.rows)
    assert finding.chance == pytest.approx(0.0, abs=0.002)


def test_copies_that_the_model_knows_inflate() -> None:
    """Where the model knows the outcomes of copied texts, the finding is critical and says what it gains."""
    train, validation, _ = _frames(2)
    validation.loc[: 2 * N_COPIED, "body"] = train["body"][: 2 * N_COPIED + 1]
    validation.loc[: 2 * N_COPIED, "score"] = 0.05 + 0.9 * validation["outcome"][: 2 * N_COPIED + 1]
    (finding,) = _look(train, validation).findings
    assert finding.severity == "critical"
    assert finding.inflation is not None
    assert finding.inflation.gain.lower > 0.0


def test_honest_texts_are_clear() -> None:
    """Texts that share words and no more are clear, and the check says how much more it would have seen."""
    for seed in range(5):
        train, validation, _ = _frames(10 * seed)
        result = _look(train, validation)
        assert result.state == "clear"
        assert "more would have been seen" in result.detail


@pytest.mark.parametrize("timed", [True, False])
def test_templates_are_no_leak(timed: bool) -> None:
    """Texts written from 300 templates, a few words changed, repeat in training as in validation: that is no leak."""
    for seed in range(3):
        train, validation, rng = _frames(100 + seed)
        templates = _texts(rng, 300)
        for frame in (train, validation):
            picked = np.minimum(rng.zipf(1.2, len(frame)) - 1, 299)
            frame["body"] = [_edited(rng, templates[at], int(rng.integers(4))) for at in picked]
        if not timed:
            train, validation = (frame.drop(columns="predicted_at") for frame in (train, validation))
        assert _look(train, validation).state == "clear"


def test_pairs_dealt_out_at_random_are_found() -> None:
    """Texts that were there twice before a random split are found, though training repeats itself too."""
    rng = np.random.default_rng(5)
    texts = _texts(rng, 2_200)
    every = rng.permutation(np.array([*texts, *(_edited(rng, text, 1) for text in texts[:800])]))
    train = rows(N_TRAIN, 1).assign(body=every[:N_TRAIN]).drop(columns="predicted_at")
    validation = rows(N_VALIDATION, 2).assign(body=every[N_TRAIN:]).drop(columns="predicted_at")
    (finding,) = _look(train, validation).findings
    assert finding.chance is not None
    assert finding.share is not None
    assert finding.chance < finding.share.lower


def test_batches_do_not_matter() -> None:
    """The result is the same whatever the batches."""
    train, validation, _ = _frames(6)
    validation.loc[:50, "body"] = train["body"][:51]
    one, other = (_look(train, validation, batch).findings for batch in (64, 1 << 15))
    assert one == other


@pytest.mark.parametrize(
    ("value", "state"),
    [
        (None, "not_checked"),
        ("", "not_checked"),
        ("  ", "not_checked"),
        ("same", "clear"),
        ("x" * 50_000, "clear"),
        ("\0\ud7ff🙂", "clear"),
    ],
)
def test_odd_texts_raise_no_alarm(value: str | None, state: str) -> None:
    """Null and empty texts are not checked; constant, huge and strange ones raise no alarm and no error."""
    train, validation, _ = _frames(7)
    train = train[:200].assign(body=pd.Series([value] * 200, dtype=object))
    validation = validation[:100].assign(body=pd.Series([value] * 100, dtype=object))
    assert _look(train, validation).state == state


def test_what_cannot_be_checked_says_why() -> None:
    """Without training rows, without a text column, or with numbers in it, the check says what it needs."""
    train, validation, _ = _frames(8)
    alone = look(similar_text, validation, settings=SETTINGS)
    assert (alone.state, alone.needs) == ("not_checked", "--train")
    plain = look(similar_text, validation.drop(columns="body"), train.drop(columns="body"), settings=SETTINGS)
    assert (plain.state, plain.detail) == ("not_checked", "there is no text column")
    numbers = _look(train.assign(body=1.0), validation)
    assert numbers.state == "not_checked"
    assert "'body' is not a column of strings in both files" in numbers.detail


def test_no_text_is_told() -> None:
    """No word of any text enters the result."""
    train, validation, _ = _frames(9)
    train["body"] = "markerword " + train["body"]
    validation.loc[:50, "body"] = train["body"][:51]
    assert "markerword" not in repr(_look(train, validation)).casefold()


def test_rows_without_text_are_counted_apart() -> None:
    """Rows without a text are left out of the share, and counted."""
    train, validation, _ = _frames(11)
    validation["body"] = [None if row % 4 == 0 else text for row, text in enumerate(validation["body"])]
    validation.loc[1:3, "body"] = train["body"][1:4]
    result = _look(train, validation)
    assert "0.40% of 750 validation rows" in result.detail
    assert "250 validation rows have no text" in result.detail
