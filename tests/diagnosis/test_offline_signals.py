"""What is read of the offline evaluation: how rows were parted, what was fitted and chosen, what repairs explain."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from sentinel.baseline.evidence import StaticEvidence
from sentinel.config.alerts import Alerts
from sentinel.diagnosis.evidence import gather
from sentinel.diagnosis.signatures import Signal, read_signals
from sentinel.evaluation.findings import Counterfactual, Evaluation, Value
from tests.diagnosis.test_mix import split, valued
from tests.diagnosis.test_proofs import repair
from tests.evaluation.worlds import Meta


def read(static: StaticEvidence | None = None, found: Evaluation | None = None, **changes: Any) -> dict[str, Signal]:
    """Every signal of an AUC gap of .10 whose offline side is known like that."""
    seen = msgspec.structs.replace(found or split(0.0, 0.01), **changes)
    meta = Meta(static=static or StaticEvidence())
    return read_signals(gather(seen, meta, {"predictions": 5_000, "joined": 5_000}, Alerts()))


def told(signal: Signal) -> tuple[Any, str | None]:
    """Value and words, the value to twelve digits."""
    return None if signal.value is None else pytest.approx(signal.value, rel=1e-12), signal.words


def test_nothing_stated_is_missing() -> None:
    """A baseline without a manifest and without training rows has no signal of either."""
    found = read()
    names = (
        "split_by_time", "split_by_group", "time_overlap", "duplicate_excess", "oversampled", "entity_knows_outcome",
        "fitted_on_validation", "candidates", "optimism_share",
    )  # fmt: skip
    assert [told(found[name]) for name in names] == [(None, None)] * len(names)


@pytest.mark.parametrize(("protocol", "values"), [("time", (1.0, 0.0)), ("group", (0.0, 1.0)), ("random", (0.0, 0.0))])
def test_the_stated_split_is_read(protocol: str, values: tuple[float, float]) -> None:
    """One protocol at a time, with words for the one that is stated."""
    found = read(StaticEvidence(split_protocol=protocol))
    both = found["split_by_time"], found["split_by_group"]
    assert (both[0].value, both[1].value) == values
    words = f"rows are stated to be split by {protocol}"
    assert [signal.words for signal in both] == [words if value else None for value in values]


@pytest.mark.parametrize(
    ("stated", "name", "value", "words"),
    [
        (
            StaticEvidence(time_overlap_ratio=0.25),
            "time_overlap",
            0.25,
            "25% of the validation rows are not later than the training rows",
        ),
        (StaticEvidence(time_overlap_ratio=0.0), "time_overlap", 0.0, None),
        (
            StaticEvidence(duplicate_excess_ratio=0.1),
            "duplicate_excess",
            0.1,
            "10% of the validation rows have a twin in training, beyond those that inputs alone bring about",
        ),
        (StaticEvidence(duplicate_excess_ratio=-0.1), "duplicate_excess", 0.0, None),
        (
            StaticEvidence(oversampled_ratio=0.3),
            "oversampled",
            0.3,
            "training rows of one class have a twin 30% more often than the other's",
        ),
        (StaticEvidence(oversampled_ratio=0.0), "oversampled", 0.0, None),
        (
            StaticEvidence(entity_signal_auc=0.75),
            "entity_knows_outcome",
            0.5,
            "its entity's mean training outcome ranks a validation row with AUC 0.75",
        ),
        (StaticEvidence(candidates=1), "candidates", 0.0, None),
        (
            StaticEvidence(candidates=100),
            "candidates",
            2.0,
            "the best of 100 models was judged on the rows that chose it",
        ),
        (
            StaticEvidence(candidates=100_000),
            "candidates",
            4.0,
            "the best of 100000 models was judged on the rows that chose it",
        ),
        (StaticEvidence(fit_proof=()), "fitted_on_validation", 0.0, None),
        (StaticEvidence(encoder_proof=()), "fitted_on_validation", 0.0, None),
        (
            StaticEvidence(fit_proof=("a", "b"), encoder_proof=("c", "d")),
            "fitted_on_validation",
            1.0,
            "the preprocessing was fitted on validation rows too (a, b, c)",
        ),
    ],
)
def test_what_is_known_of_the_rows_is_read(stated: StaticEvidence, name: str, value: float, words: str | None) -> None:
    """Shares as they are, an AUC as twice its distance from one half, models by their decades."""
    found = read(stated)[name]
    assert found.value == pytest.approx(value)
    assert found.words == words


def test_shares_have_bounds() -> None:
    """Within 0 and 1: an entity that ranks rows the wrong way round knows nothing."""
    low = read(StaticEvidence(oversampled_ratio=-0.2, entity_signal_auc=0.4))
    high = read(StaticEvidence(oversampled_ratio=1.2, duplicate_excess_ratio=1.2))
    assert (low["oversampled"].value, low["entity_knows_outcome"].value) == (0.0, 0.0)
    assert low["oversampled"].words is None  # fewer twins than others is nothing to tell
    assert (high["oversampled"].value, high["duplicate_excess"].value) == (1.0, 1.0)


@pytest.mark.parametrize(("expected", "gap", "share"), [(0.05, 0.1, 0.5), (0.9, 0.1, 2.0), (0.005, -0.1, 0.5)])
def test_the_optimism_of_a_choice_is_read(expected: float, gap: float, share: float) -> None:
    """What the best of so many gains by chance, as a share of the gap; of .01 where the gap is smaller."""
    plain = split(0.0, 0.01)
    found = read(
        StaticEvidence(candidates=10, expected_optimism=expected),
        findings=(msgspec.structs.replace(plain.findings[0], gap=gap),),
    )["optimism_share"]
    assert found.value == pytest.approx(share)
    chosen = "the best of 10 models was judged on the rows that chose it"
    assert found.words == f"{chosen}: chance alone gives {expected:.3f} AUC"


def test_no_gap_has_no_share_of_optimism() -> None:
    """Nor has one candidate words for it."""
    stated = StaticEvidence(candidates=1, expected_optimism=0.0)
    none = (msgspec.structs.replace(split(0.0, 0.01).findings[0], gap=None),)
    assert read(stated, findings=none)["optimism_share"].value is None
    assert told(read(stated)["optimism_share"]) == (0.0, None)


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("duplicates", "without the validation rows that training holds too"),
        ("copies", "without the validation rows that repeat the inputs and the time of a training row"),
        ("groups", "without the entities that training holds too"),
        ("time_overlap", "on the rows after the last training row alone"),
        ("selection", "less what choosing the best of the candidates gives by chance"),
        ("feature:balance", "with feature 'balance' at the value that is served"),
    ],
)
def test_a_repair_is_told(name: str, what: str) -> None:
    """What was taken out, what is left, how much of the gap that explains, and how surely."""
    read_as = {"copies": "duplicates", "feature:balance": "feature"}.get(name, name)
    found = read(counterfactuals=(repair(name=name),))
    words = f"{what}, the offline estimate is 0.810: 90% of the gap (70% to 100%)"
    assert [found[f"{kind}_{read_as}"].words for kind in ("repair", "explained_by")] == [words, words]
    assert found["best_repair"].words == words
    unsure = read(counterfactuals=(repair(name=name, lower=None),))["best_repair"].words
    assert unsure == words.removesuffix(" (70% to 100%)")


def test_the_best_repair_is_read() -> None:
    """The one with the most evidence, by the log of one more; of two features the better one is read."""
    one, other = repair(name="feature:a", log_evidence=2.0), repair(name="feature:b", log_evidence=5.0, explained=0.6)
    for order in ((one, other), (other, one)):
        found = read(counterfactuals=(*order, repair(log_evidence=3.0)))
        assert found["best_repair"].value == pytest.approx(math.log(6.0))
        assert "'b'" in (found["best_repair"].words or "")
        assert found["explained_by_feature"].value == pytest.approx(0.6)
        assert found["repair_groups"].value == pytest.approx(math.log(4.0))
    equal = read(counterfactuals=(one, repair(name="feature:b", log_evidence=2.0)))
    assert "'a'" in (equal["repair_feature"].words or "")


@pytest.mark.parametrize(("log_evidence", "value"), [(-1.0, -math.log(2.0)), (0.0, 0.0), (None, None)])
def test_a_repair_without_evidence_has_no_words_of_its_own(log_evidence: float | None, value: float | None) -> None:
    """It is read as it is, but the best of such repairs is none."""
    found = read(counterfactuals=(repair(log_evidence=log_evidence),))
    assert found["best_repair"].value == 0.0
    assert found["repair_groups"].value == (None if value is None else pytest.approx(value))
    assert (found["repair_groups"].words, found["explained_by_groups"].words) == (None, None)


@pytest.mark.parametrize(("explained", "value"), [(-3.0, -0.5), (3.0, 1.5), (None, None)])
def test_what_a_repair_explains_has_bounds(explained: float | None, value: float | None) -> None:
    """From half of the gap too much to half too little."""
    assert read(counterfactuals=(repair(explained=explained),))["explained_by_groups"].value == value


@pytest.mark.parametrize(
    "one", [repair(corrected=Value(value=None, lower=None, upper=None, n=0)), repair(explained=None)]
)
def test_a_repair_that_leaves_nothing_is_told(one: Counterfactual) -> None:
    """Without an estimate there are no numbers to tell."""
    words = read(counterfactuals=(one,))["best_repair"].words
    assert words == "without the entities that training holds too, no offline estimate is left"


@pytest.mark.parametrize(
    ("auc", "value"), [(0.0, 0.0), (0.4, 0.0), (0.75, math.log(3.0)), (0.999, 5.0), (1.0, 5.0), (None, None)]
)
def test_the_offline_auc_is_read(auc: float | None, value: float | None) -> None:
    """As log-odds, from 0 for a coin or worse to 5, finite at either end."""
    unknown = Value(value=None, lower=None, upper=None, n=0)
    headline = split(0.0, 0.01).findings[0]
    stated = msgspec.structs.replace(headline, offline=unknown if auc is None else valued(auc))
    found = read(findings=(stated,))["offline_auc"].value
    assert found == (None if value is None else pytest.approx(value))


def test_a_base_rate_that_is_unknown_offline_has_no_shift() -> None:
    """Nothing is held against nothing."""
    plain = split(0.0, 0.01)
    unknown = Value(value=None, lower=None, upper=None, n=0)
    rate = msgspec.structs.replace(plain.findings[0], metric="base_rate", offline=unknown, online=valued(0.3))
    assert read(findings=(*plain.findings, rate))["rate_shift"].value == 0.0
