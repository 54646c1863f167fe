"""One entity under two ids is found by spelling and by what entities keep; dense ids and coarse features are not."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from sentinel.audit.checks import entity_names
from sentinel.audit.similarity.spellings import SHORTEST, normal_forms, one_apart
from tests.audit.frames import look, rows

N_ENTITIES = 800
Spelling = Callable[[int], str]


def _files(
    share: float, spell: Spelling, respell: Spelling, *, static: bool = True, seed: int = 1
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Entities of about four rows each, parted between the files; a share of validation's are training's, respelt.

    What an entity keeps is a birth year of 60, a postcode of 200 and a sex: 24,000 kinds.
    """
    rng = np.random.default_rng(seed)
    keeps = [rng.integers(0, n, 4 * N_ENTITIES) for n in (60, 200, 2)]
    frames = []
    for n, first, hour in ((3_000, 0, 0), (1_500, N_ENTITIES, 3_000)):
        frame = rows(n, seed + first, first_hour=hour)
        who = rng.integers(first, first + N_ENTITIES // (1 + (first > 0)), n)
        copied = who - first < share * N_ENTITIES / 2 if first else np.zeros(n, np.bool_)
        person = np.where(copied, who - first, who)
        frame["group"] = [respell(one) if is_copy else spell(one) for one, is_copy in zip(person, copied, strict=True)]
        if static:
            for name, values in zip(("born", "postcode", "sex"), keeps, strict=True):
                frame[name] = values[person]
        frames.append(frame)
    return frames[0], frames[1]


def _number(one: int) -> str:
    return str(1_000 + one)


RESPELT: dict[str, tuple[Spelling, Spelling]] = {
    "case and spaces": (lambda one: f"user-{one}", lambda one: f" USER-{one}"),
    "separators": (lambda one: f"user-{one}", lambda one: f"User_{one}"),
    "leading zeros": (_number, lambda one: f"00{_number(one)}"),
    "prefix": (_number, lambda one: f"user {_number(one)}"),
}


@pytest.mark.parametrize("share", [0.05, 0.2, 0.8])
@pytest.mark.parametrize("rule", sorted(RESPELT))
def test_ids_written_in_another_way_are_joined(rule: str, share: float) -> None:
    """Each rule is named, each pair is of one entity, at every strength; what entities keep bears it out."""
    train, validation = _files(share, *RESPELT[rule])
    (finding,) = look(entity_names, validation, train).findings
    assert rule in finding.title
    assert finding.severity == "warning"
    assert finding.n_rows == pytest.approx(share * N_ENTITIES / 2, rel=0.25)
    for pair in finding.rows:
        one, other = train.iloc[pair.train or 0], validation.iloc[pair.validation or 0]
        assert (one["born"], one["postcode"]) == (other["born"], other["postcode"])


def test_rule_without_features_is_only_information() -> None:
    """Where no feature tells entities apart, the spelling alone is for a person to judge."""
    train, validation = _files(0.2, *RESPELT["separators"], static=False)
    (finding,) = look(entity_names, validation, train).findings
    assert finding.severity == "info"
    assert "no feature tells" in finding.detail


def test_other_entities_that_happen_to_be_spelt_alike_are_clear() -> None:
    """Two systems number other people with the same numbers: features refute the rule."""
    train, validation = _files(0.0, _number, _number)
    validation["group"] = [f"shop {1_000 + int(name) % N_ENTITIES}" for name in validation["group"]]
    assert look(entity_names, validation, train).state == "clear"


@pytest.mark.parametrize("share", [0.1, 0.3, 0.8])
def test_slips_in_long_ids_are_found(share: float) -> None:
    """One digit of ten mistyped, in ids that are far from one another: found where what entities keep agrees."""
    rng = np.random.default_rng(8)
    codes = [f"{one:010d}" for one in rng.integers(0, 10**10, 4 * N_ENTITIES)]
    train, validation = _files(share, lambda one: codes[one], lambda one: codes[one][:4] + "x" + codes[one][5:])
    (finding,) = look(entity_names, validation, train).findings
    assert "one character" in finding.title
    assert finding.severity == "warning"
    assert finding.n_rows == pytest.approx(share * N_ENTITIES / 2, rel=0.25)


@pytest.mark.parametrize("static", [True, False])
def test_running_numbers_are_clear(static: bool) -> None:
    """Sequential ids are one character apart by nature: no finding, with features that refute it or without."""
    for seed in range(5):
        train, validation = _files(0.0, lambda one: f"{10_000_000 + one}", _number, static=static, seed=seed)
        assert look(entity_names, validation, train).state == "clear"


@pytest.mark.parametrize("missing", [0.1, 0.4])
def test_rows_without_an_id_are_recovered(missing: float) -> None:
    """Rows whose id is lost agree with the training rows of their entity in all it keeps."""
    train, validation = _files(0.8, _number, _number)
    lost = np.random.default_rng(2).random(len(validation)) < missing
    validation.loc[lost, "group"] = None
    (finding,) = look(entity_names, validation, train).findings
    assert "under another id, or none" in finding.title
    named = {pair.validation for pair in finding.rows}
    assert named <= set(np.flatnonzero(lost).tolist()) | set(np.flatnonzero(validation["group"].astype(float) > 1_800))
    assert finding.severity == "warning"


@pytest.mark.parametrize("share", [0.2, 0.4, 0.8])
def test_entities_under_new_ids_are_recovered(share: float) -> None:
    """Ids that have nothing in common, of rows that agree in all that entities keep."""
    train, validation = _files(share, _number, lambda one: f"account of {one * 7919 % 10_007}")
    (finding,) = look(entity_names, validation, train).findings
    assert "under another id" in finding.title
    # of 400 strangers about 400 * 800 / 24,000 = 13 agree with someone by chance
    assert finding.n_rows == pytest.approx(share * N_ENTITIES / 2 + 13, rel=0.3)


def test_people_who_share_coarse_features_are_clear() -> None:
    """Strangers of one age, town and sex are as many as chance says: no finding, for many seeds."""
    for seed in range(10):
        train, validation = _files(0.0, _number, _number, seed=seed)
        assert look(entity_names, validation, train).state == "clear"
        for frame in (train, validation):
            frame["postcode"] %= 10
        assert look(entity_names, validation, train).state == "clear"


def test_files_without_ids_are_not_checked() -> None:
    """No training file, no column, all null and empty ids each say what is needed."""
    frame = rows(200, 1)
    assert look(entity_names, frame).needs == "--train"
    for nothing in (frame, frame.assign(group=None), frame.assign(group="")):
        assert "columns.group" in (look(entity_names, nothing, frame.assign(group="u1")).needs or "")


def test_odd_inputs_are_no_error() -> None:
    """One id, ids of any length, infinite and missing values are looked at and clear."""
    frame = rows(300, 1).assign(group="u1")
    assert look(entity_names, frame, frame).state == "clear"
    odd = frame.assign(group=[("é" * (i % 70)) + str(i) for i in range(300)], x=np.inf, noise=np.nan)
    assert look(entity_names, odd, frame).state == "clear"


def test_no_id_enters_the_finding() -> None:
    """What is written names rows, a column and a rule, never an id."""
    train, validation = _files(0.3, lambda one: f"secret-{one}", lambda one: f"SECRET_{one}")
    result = look(entity_names, validation, train)
    assert result.findings
    assert "secret" not in repr(result).lower()


def test_ids_of_mixed_case_keep_it() -> None:
    """In base 62 the case is part of the id: two that differ in it alone are not joined."""
    ids = pa.array(["aBc1", "abC1", "xYz9", "Qq2W", "mN5p"], pa.large_string())
    for rule, forms in normal_forms(ids):
        assert len(forms.unique()) == 5, rule


def test_kinds_told_by_their_prefix_keep_it() -> None:
    """User 9 and group 9 are two: with two prefixes none is dropped."""
    ids = pa.array(["user-9", "group-9", "9"], pa.large_string())
    assert [rule.split(":")[0] for rule, _ in normal_forms(ids)] == ["case and spaces", "separators", "leading zeros"]


def test_one_character_apart_is_what_comparing_all_pairs_says() -> None:
    """Against every pair compared letter by letter: another character, one more, one less, and no other pair."""
    rng = np.random.default_rng(4)
    among = ["".join(rng.choice(list("abc"), rng.integers(SHORTEST, 12))) for _ in range(60)]
    wanted = ["".join(rng.choice(list("abc"), rng.integers(SHORTEST, 12))) for _ in range(60)]
    for i, word in enumerate(among[:30]):
        at = int(rng.integers(0, len(word)))
        wanted[i] = (word[:at] + "x" + word[at + 1 :], word[:at] + "x" + word[at:], word[:at] + word[at + 1 :])[i % 3]
    wanted = [word for word in wanted if word not in among and len(word) >= SHORTEST]
    found = one_apart(pa.array(wanted, pa.large_string()), pa.array(among, pa.large_string()))
    assert (found >= 0).sum() >= 20
    for word, place in zip(wanted, found.tolist(), strict=True):
        apart = [_is_one_apart(word, other) for other in among]
        assert (place >= 0) == any(apart)
        assert place < 0 or apart[place]


def _is_one_apart(one: str, other: str) -> bool:
    if one == other or abs(len(one) - len(other)) > 1:
        return False
    common = len(_common_prefix(one, other))
    rest, other_rest = one[common:], other[common:]
    return rest[1:] == other_rest[1:] or rest[1:] == other_rest or rest == other_rest[1:]


def _common_prefix(one: str, other: str) -> str:
    n = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    return one[:n]
