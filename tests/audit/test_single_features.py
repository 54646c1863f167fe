"""Single features: leaks of three strengths are named, honest ones are not condemned, and no input breaks anything."""

from __future__ import annotations

import pickle

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from sentinel.audit.checks import single_features
from sentinel.audit.estimates.inflation import N_BUCKETS
from sentinel.audit.features.bins import cuts_of
from sentinel.audit.features.feature_bins import MOST_CELLS, N_BINS, FeatureBins, OutcomeKinds, held
from sentinel.audit.features.power import say
from tests.audit.frames import look, rows

N = 3_000


def files(seed: int, n: int = N) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Validation and training rows."""
    return rows(n, 2 * seed, first_hour=n), rows(n, 2 * seed + 1)


def with_leak(frame: pd.DataFrame, area: float, seed: int) -> pd.DataFrame:
    """A column with this AUC: two normals d apart have Phi(d / sqrt 2)."""
    apart = float(np.sqrt(2.0) * stats.norm.ppf(area))
    return frame.assign(leak=np.random.default_rng(1_000 + seed).normal(size=len(frame)) + apart * frame["outcome"])


@pytest.mark.parametrize(("area", "severity"), [(0.99, "critical"), (0.93, "warning"), (0.88, "warning")])
def test_a_leak_is_named_by_its_strength(area: float, severity: str) -> None:
    """Near certainty is critical; .93 is strong and .88 leads the next feature (.76) by far, which is worth a look."""
    validation, train = (with_leak(frame, area, at) for at, frame in enumerate(files(1)))
    result = look(single_features, validation, train)
    (finding,) = result.findings
    assert (finding.severity, finding.columns, finding.cause) == (severity, ("leak",), "target_leakage")
    assert finding.no_inflation is not None
    assert "--score-with" in finding.no_inflation


@pytest.mark.parametrize("with_train", [True, False])
def test_the_area_is_that_of_the_raw_values(with_train: bool) -> None:
    """Of a feature that rises with the outcome it is scikit-learn's AUC less what 64 bins and their order cost."""
    validation, train = files(2, 8_000)
    expected = roc_auc_score(validation["outcome"], validation["x"])
    result = look(single_features, validation, train if with_train else None)
    (bars,) = result.findings[0].plots[0].series
    assert bars.y[0] == pytest.approx(expected, abs=0.01)
    assert bars.lower[0] < expected < bars.upper[0]


def test_nothing_is_said_of_features_that_know_nothing() -> None:
    """In forty files of noise, numbers and many categories there is not one finding."""
    for seed in range(40):
        pair = [frame.drop(columns="x") for frame in files(seed, 600)]
        rng = np.random.default_rng(seed)
        pair = [frame.assign(town=rng.integers(0, 200, 600).astype(str)) for frame in pair]
        assert look(single_features, *pair).state == "clear", seed


def test_an_honest_strong_feature_is_no_more_than_a_warning() -> None:
    """Two honest inputs of AUC .9 are said to be strong; neither is condemned, whatever the seed."""
    for seed in range(10):
        pair = [with_leak(frame, 0.915, seed).assign(twin=lambda f: f["leak"] + 0.1) for frame in files(seed)]
        severities = {finding.severity for finding in look(single_features, *pair).findings}
        assert "critical" not in severities, seed


def test_honest_leaders_are_info_at_most() -> None:
    """The feature that an honest model of AUC .76 rests on is worth a line and no more."""
    for seed in range(10):
        (finding,) = look(single_features, *files(seed)).findings
        assert (finding.severity, finding.columns) == ("info", ("x",))


def test_an_encoding_of_training_rows_is_named() -> None:
    """A mean over small categories that holds each training row's own outcome says much there, and nothing later."""
    validation, train = files(3)
    town = np.random.default_rng(3).integers(0, N // 3, (2, N))
    train["rate"] = train["outcome"].groupby(town[0]).transform("mean")
    validation["rate"] = pd.Series(town[1]).map(train["outcome"].groupby(town[0]).mean()).fillna(0.5).to_numpy()
    finding = next(one for one in look(single_features, validation, train).findings if one.columns == ("rate",))
    assert (finding.severity, finding.inflation) == ("warning", None)
    assert "training rows" in finding.title


def test_many_rare_categories_are_no_encoding() -> None:
    """A feature of many categories is not said to be lost on the way: each fold is judged by the others."""
    for seed in range(10):
        pair = [frame.assign(town=np.random.default_rng(seed).integers(0, 900, N).astype(str)) for frame in files(seed)]
        assert all(one.columns == ("x",) for one in look(single_features, *pair).findings), seed


def test_a_category_that_gives_the_outcome_away_is_named() -> None:
    """A state that only a tenth of the positive rows have, and no other row, is seen though its AUC is small."""
    pair = []
    for seed, frame in enumerate(files(4)):
        frame = frame[(frame["outcome"] == 0) | (np.arange(N) % 2 == 0)]  # a third positive
        closed = (np.random.default_rng(1_000 + seed).random(len(frame)) < 0.1) & (frame["outcome"] == 1)
        pair.append(frame.assign(state=np.where(closed, "closed", "open")))
    (finding,) = (one for one in look(single_features, *pair).findings if one.columns == ("state",))
    assert finding.severity == "warning"
    assert finding.n_rows == (pair[0]["state"] == "closed").sum()


def test_a_category_of_the_common_outcome_gives_nothing_away() -> None:
    """Look-alike: where nine rows of ten are negative, a plan whose rows are all negative is nothing special."""
    pair = []
    for seed, frame in enumerate(files(18)):
        frame = frame[(frame["outcome"] == 0) | (np.arange(N) % 9 == 0)]
        quiet = (np.random.default_rng(1_000 + seed).random(len(frame)) < 0.1) & (frame["outcome"] == 0)
        pair.append(frame.assign(state=np.where(quiet, "quiet", "open")))
    assert all(one.columns != ("state",) for one in look(single_features, *pair).findings)


def test_a_date_that_tells_is_named() -> None:
    """A date that lies later where the outcome is positive is binned like a number."""
    pair = [
        frame.assign(closed=pd.Timestamp("2026-03-01") + pd.to_timedelta(frame["outcome"] * 90 + frame["noise"], "D"))
        for frame in files(5)
    ]
    (finding,) = look(single_features, *pair).findings
    assert (finding.severity, finding.columns) == ("critical", ("closed",))


@pytest.mark.parametrize(("noise", "severities"), [(0.01, ["critical"]), (0.3, ["warning"]), (5.0, [])])
def test_of_a_number_the_concordance_counts(noise: float, severities: list[str]) -> None:
    """Of a regression a feature that is the outcome is critical, one with R2 .92 strong, and noise nothing."""
    pair = []
    for seed, frame in enumerate(files(6)):
        y = np.random.default_rng(seed).normal(size=N)
        pair.append(frame.assign(outcome=y, leak=y + noise * frame["noise"]).drop(columns=["x", "noise"]))
    result = look(single_features, *pair, task="regression")
    assert [one.severity for one in result.findings if one.severity != "info"] == severities
    assert "AUC" not in " ".join([result.detail, *(one.title + one.detail for one in result.findings)])


def test_of_classes_the_one_that_it_tells_best_counts() -> None:
    """A feature that tells one class of three, and neither of the others, is named."""
    pair = []
    for seed, frame in enumerate(files(7)):
        y = np.random.default_rng(seed).integers(0, 3, N)
        scores = {f"scores.{name}": np.full(N, 1 / 3) for name in "abc"}
        leak = (y == 2) + 0.1 * frame["noise"]
        pair.append(frame.drop(columns=["score", "x"]).assign(outcome=np.array(list("abc"))[y], leak=leak, **scores))
    (finding,) = look(single_features, *pair, task="multiclass").findings
    assert (finding.severity, finding.columns) == ("critical", ("leak",))
    assert "share of entropy explained" in finding.detail  # information value is a measure of two classes


@pytest.mark.parametrize("column", [np.nan, np.inf, -np.inf, 1.0, 1e308])
def test_odd_columns_break_nothing(column: float) -> None:
    """A column of nothing, of infinity or of one value says nothing, whatever the others say."""
    validation, train = (frame.assign(odd=column) for frame in files(8, 400))
    validation.loc[::2, "odd"] = np.nan
    assert all("odd" not in one.columns for one in look(single_features, validation, train).findings)


@pytest.mark.parametrize("outcome", [1, 0, None])
def test_without_two_outcomes_it_is_not_checked(outcome: int | None) -> None:
    """One class, or no outcome at all, is no ground to judge by."""
    frame = rows(200, 9).assign(outcome=pd.Series([outcome] * 200, dtype="Int64"))
    result = look(single_features, frame)
    assert result.state == "not_checked"
    assert result.needs


def test_a_ranking_is_not_checked() -> None:
    """A ranking has no outcome of a row."""
    assert look(single_features, rows(100, 10), task="ranking").state == "not_checked"


@pytest.mark.parametrize("side", ["train", "validation"])
def test_what_one_file_lacks_is_no_feature(side: str) -> None:
    """A model cannot read a column that only one file has: it is neither too strong nor lost on the way."""
    validation, train = files(19)
    only = train if side == "train" else validation
    only["extra"] = only["outcome"] + 0.0
    assert all("extra" not in one.columns for one in look(single_features, validation, train).findings)


def test_batches_do_not_matter() -> None:
    """Rows shown in pieces of 97 give the very same words."""
    pair = [with_leak(frame, 0.93, 11) for frame in files(11, 700)]
    whole, parts = (look(single_features, *pair, batch_rows=n).findings for n in (10_000, 97))
    assert whole == parts


def test_unknown_outcomes_are_left_out() -> None:
    """Rows without an outcome do not count as negative ones."""
    validation, train = (with_leak(frame, 0.99, 12) for frame in files(12))
    validation["outcome"] = validation["outcome"].astype("Int64").mask(np.arange(N) % 2 == 0)
    (finding,) = look(single_features, validation, train).findings
    assert finding.severity == "critical"


def test_no_value_is_told() -> None:
    """The words of a category that gives the outcome away stay in the file."""
    validation, train = files(13)
    for frame in (validation, train):
        frame["secret"] = np.where(frame["outcome"] == 1, "xyzzy", "plugh")
    told = repr(look(single_features, validation, train)).lower()
    assert "xyzzy" not in told
    assert "plugh" not in told


def test_the_model_says_what_it_inflates() -> None:
    """With the model at hand the metric is taken again with the feature shuffled, and called an upper bound."""
    validation, train = (with_leak(frame, 0.99, 14) for frame in files(14))
    validation["score"] = 1.0 / (1.0 + np.exp(-validation["leak"]))
    result = look(single_features, validation, train, score_with=lambda frame: 1.0 / (1.0 + np.exp(-frame["leak"])))
    inflation = result.findings[0].inflation
    assert inflation is not None
    assert inflation.repaired == pytest.approx(0.5, abs=0.03)  # its only input is gone
    assert inflation.gain.lower < inflation.stated - 0.5 < inflation.gain.upper
    assert "upper bound" in result.findings[0].detail


def test_a_fit_without_it_says_it_better() -> None:
    """With a fit from scratch the repaired metric is that of the other features, which lean in."""

    def fit(train: pd.DataFrame, asked: pd.DataFrame) -> npt.NDArray[np.float64]:
        kept = [name for name in ("x", "leak") if name in train]
        return np.asarray(asked[kept].sum(axis=1))

    validation, train = (with_leak(frame, 0.99, 15) for frame in files(15))
    result = look(single_features, validation, train, fit_with=fit)
    inflation = result.findings[0].inflation
    assert inflation is not None
    assert inflation.repaired == pytest.approx(roc_auc_score(validation["outcome"], validation["x"]), abs=0.002)


def test_memory_is_bounded() -> None:
    """Of very many features the first are held, in as many counts as are stated."""
    bins = tuple(FeatureBins(f"f{j}", "numeric", j, np.arange(63.0)) for j in range(5_000))
    kept = held(bins, OutcomeKinds(None, 2))
    assert len(kept) == MOST_CELLS // (N_BUCKETS * 65 * 2)
    assert kept == bins[: len(kept)]


def test_few_values_have_a_bin_each() -> None:
    """Up to 64 values are told apart, and of more the common ones are not mixed with others."""
    assert cuts_of(np.arange(N_BINS, dtype=np.float64), N_BINS).tolist() == list(range(1, N_BINS))
    zeros = np.concatenate([np.zeros(900), np.linspace(1.0, 2.0, 200)])
    assert cuts_of(zeros, N_BINS)[0] == 1.0
    assert cuts_of(np.empty(0), N_BINS).size == 0


def test_the_interval_holds_the_area_most_of_the_time() -> None:
    """Of 200 samples of a feature of known AUC 90 to 100 percent of the intervals hold what it has on average."""
    rng = np.random.default_rng(16)
    law = np.array([[0.10, 0.40, 0.50], [0.45, 0.35, 0.20]])  # of the bins, by outcome
    expected = float(law[0, 1:] @ np.cumsum(law[1])[:2] + 0.5 * (law[0] * law[1]).sum())
    held = 0
    for _ in range(200):
        train, validation = (
            np.stack([rng.multinomial(20, law[1 - k], N_BUCKETS) for k in (0, 1)], axis=2) for _ in range(2)
        )
        said = say("f", train, validation, ordered=False).validation
        assert said is not None
        bounds = said.interval()
        held += bounds.lower <= max(expected, 1 - expected) <= bounds.upper
    assert 180 <= held <= 199 or held == 200


def test_it_survives_pickle_without_the_model() -> None:
    """A copy on a cluster carries counts only, and never the callables."""
    from sentinel.audit.estimates.rescoring import Rescorer
    from tests.audit.contexts import context_of

    copied = pickle.loads(pickle.dumps(Rescorer(context_of(rows(100, 17), score_with=lambda frame: frame["x"]))))
    assert copied.context is None
    assert copied.how == ""
