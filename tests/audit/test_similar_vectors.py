"""Near copies of vectors: planted, honest, and what only looks like them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sentinel.audit.checks import similar_vectors
from sentinel.audit.findings import CheckResult
from sentinel.audit.similarity.vectors import near_copy_cosine, nearest_vectors, read_vectors
from sentinel.config.audit import Audit
from sentinel.events.batch import F64
from tests.audit.frames import look, rows

N_TRAIN, N_VALIDATION, N_COPIED, D = 2_000, 1_000, 100, 32
SETTINGS = Audit(embeddings=["voice"])
SCALE = np.geomspace(1.0, 0.1, D)


def _vectors(rng: np.random.Generator, n: int, spread: float = 0.5, n_clusters: int = 20) -> F64:
    """Clusters of uneven size off the origin, as embeddings have them."""
    centres = np.random.default_rng(0).normal(size=(n_clusters, D)) * SCALE + 2.0 * SCALE
    sizes = np.random.default_rng(1).dirichlet(np.full(n_clusters, 0.5))
    return centres[rng.choice(n_clusters, n, p=sizes)] + spread * rng.normal(size=(n, D)) * SCALE


def _frame(n: int, seed: int, vectors: Any, first_hour: int = 0) -> pd.DataFrame:
    return rows(n, seed, first_hour=first_hour).assign(voice=list(vectors))


def _look(train: Any, validation: Any, **options: Any) -> CheckResult:
    n = len(train)
    return look(
        similar_vectors,
        _frame(len(validation), 2, validation, first_hour=n),
        _frame(n, 1, train),
        settings=SETTINGS,
        **options,
    )


@pytest.mark.parametrize(("noise", "recall"), [(0.0, 1.0), (0.1, 1.0), (0.2, 0.95)])
def test_noisy_copies_are_found(noise: float, recall: float) -> None:
    """A tenth of validation vectors, copied with noise of a share of the cluster's spread, are found."""
    rng = np.random.default_rng(1)
    train, validation = _vectors(rng, N_TRAIN), _vectors(rng, N_VALIDATION)
    copied = rng.choice(N_VALIDATION, N_COPIED, replace=False)
    source = rng.choice(N_TRAIN, N_COPIED, replace=False)
    validation[copied] = train[source] + noise * 0.5 * SCALE * rng.normal(size=(N_COPIED, D))

    (finding,) = _look(train, validation).findings

    origins = dict(zip(copied.tolist(), source.tolist(), strict=True))
    right = [origins.get(pair.validation or 0) == pair.train for pair in finding.rows]
    assert finding.cause == "duplicate_leakage"
    assert finding.n_rows >= recall * N_COPIED
    assert np.mean(right) >= 0.97
    assert finding.chance == pytest.approx(0.0, abs=0.01)


def test_honest_clusters_are_clear() -> None:
    """Honest vectors in tight or loose clusters raise hardly any alarm."""
    alarms = 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        spread = (0.02, 0.2, 1.0)[seed % 3]
        alarms += _look(_vectors(rng, 600, spread), _vectors(rng, 300, spread)).state == "found"
    assert alarms <= 1


def test_repeated_vectors_are_no_leak() -> None:
    """A few fixed vectors that rows of both files share (one per product, say) are no copies."""
    rng = np.random.default_rng(3)
    kinds = _vectors(rng, 40)
    assert _look(kinds[rng.integers(40, size=600)], kinds[rng.integers(40, size=300)]).state == "clear"


def test_faiss_finds_what_brute_force_finds() -> None:
    """Neighbours and cosines are those of the matrix product of all pairs."""
    rng = np.random.default_rng(4)
    frame = _frame(300, 1, _vectors(rng, 300))
    column = pa.array(frame["voice"])
    among, asked = read_vectors(column, D, np.arange(200)), read_vectors(column, D, np.arange(200, 300))
    found = nearest_vectors(asked, among, 5)
    cosines = asked.values.astype(np.float64) @ among.values.astype(np.float64).T
    order = np.argsort(-cosines, axis=1)[:, :5]
    assert (found.near == order).mean() > 0.99  # single precision may swap near ties
    assert found.likeness == pytest.approx(np.take_along_axis(cosines, order, axis=1), abs=1e-5)


def test_learned_cosine_lets_the_stated_share_pass() -> None:
    """Of points of even density about the share asked for has a neighbour nearer than the learned cosine."""
    rng = np.random.default_rng(5)
    points = rng.normal(size=(6_000, 6))
    column = pa.array(list(points))
    every = read_vectors(column, 6, np.arange(6_000))
    nearest = nearest_vectors(every, every, 2).likeness[:, 1]
    cosine = near_copy_cosine(nearest, false_matches=0.01, least=0.0, most=1.0)
    assert 0.004 < (nearest >= cosine).mean() < 0.025


def test_copies_in_training_do_not_move_the_learned_cosine() -> None:
    """A fifth of copies among the training vectors leaves the cosine where it was, give or take."""
    rng = np.random.default_rng(6)
    honest = 1.0 - (0.5 * rng.weibull(10.0, 4_000)) ** 2 / 2.0
    copied = honest.copy()
    copied[:800] = 1.0 - 1e-7
    clean, soiled = (near_copy_cosine(c, false_matches=1e-3, least=0.0, most=1.0) for c in (honest, copied))
    assert clean < soiled < 1.0 - (1.0 - clean) / 10.0  # a steeper tail looks further in, by less than a factor of 3


def test_bad_vectors_are_counted_apart() -> None:
    """Null, odd lengths, NaN, infinite and zero vectors are left out, by their kinds; huge and tiny ones are not."""
    rng = np.random.default_rng(7)
    good = _vectors(rng, 400)
    odd: list[Any] = [None, good[0][:5], np.full(D, np.nan), np.full(D, np.inf), np.zeros(D)]
    scales = np.where(np.arange(200) % 2, 1e300, 1e-300)[:, None]
    validation = [*odd, [], *(good[200:] * scales)]
    result = _look(list(good), validation)
    (finding,) = result.findings
    assert finding.n_rows == 200
    assert "validation vectors left out: 1 null, 2 of another length, 2 not finite, 1 zero" in result.detail


@pytest.mark.parametrize(
    ("vectors", "state"),
    [
        (np.ones((300, D)), "clear"),
        (np.zeros((300, D)), "not_checked"),
        (np.full((300, D), np.nan), "not_checked"),
        ([None] * 300, "not_checked"),
        ([[]] * 300, "not_checked"),
        (np.ones((300, 1)), "not_checked"),
        (["a word"] * 300, "not_checked"),
    ],
)
def test_odd_columns_raise_no_alarm(vectors: Any, state: str) -> None:
    """A constant column is clear; of zero, missing, empty, one-number and wordy ones nothing can be compared."""
    assert _look(list(vectors), list(vectors)[:200]).state == state


def test_batches_do_not_matter() -> None:
    """The result is the same whatever the batches."""
    rng = np.random.default_rng(8)
    train = _vectors(rng, 500)
    one, other = (_look(train, train[:100], batch_rows=size).findings for size in (33, 1 << 15))
    assert one == other
    assert one


def test_more_training_rows_than_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where not all training vectors fit the budget the shares are called lower bounds, and the copies still show."""
    monkeypatch.setattr(similar_vectors, "MOST_ASKED", 300)
    monkeypatch.setattr(similar_vectors, "MOST_PRODUCTS", 2 * 300 * D * 1_000)
    rng = np.random.default_rng(9)
    train = _vectors(rng, N_TRAIN)
    result = _look(train, train[:500] * 2.0)
    (finding,) = result.findings
    assert finding.share is not None
    assert finding.share.value == pytest.approx(0.5, abs=0.1)  # a half of the rows looked at; sd of 300 is .03
    assert "50.0% of the 2,000 training rows were looked at" in finding.detail


def test_what_cannot_be_checked_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without training rows, without vectors, or without faiss, the check says what it needs."""
    rng = np.random.default_rng(10)
    frame = _frame(60, 1, _vectors(rng, 60))
    assert look(similar_vectors, frame, settings=SETTINGS).needs == "--train"
    plain = frame.drop(columns="voice")
    assert look(similar_vectors, plain, plain).needs == "audit.embeddings in the configuration"
    monkeypatch.setattr(similar_vectors, "find_spec", lambda _: None)
    missing = look(similar_vectors, frame, frame)
    assert (missing.state, missing.needs) == ("not_checked", "pip install 'sentinel-leakage[audit]'")
