"""The slow path: each way to be wrong has its reason, and each tolerated form loses nothing."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sentinel.events import Limits, Reason
from sentinel.events.batch import Origin
from sentinel.events.codecs.messages import Role
from tests.events.canonical import (
    CHURN,
    CHURN_8,
    RECEIVED_US,
    by_offset,
    decode,
    encoded,
    only_dead_letter,
    outcome,
    prediction,
)

LIMITS = Limits(max_event_bytes=2_000, head_bytes=16, max_id_chars=20)
LATER_STAGES = {Reason.EXPIRED, Reason.DUPLICATE, Reason.UNPAIRED}
"""Reasons that only the join can find."""
OF_LISTS = {Reason.INVALID_ITEMS}
"""Reasons that only rankings have; see ``test_rankings``."""
OF_BATCHES = {Reason.DAMAGED_BATCH}
"""Reasons that only a source can find; see ``test_kafka_faults``."""
OF_SCHEMAS = {Reason.BAD_FRAMING, Reason.UNKNOWN_SCHEMA, Reason.UNUSABLE_SCHEMA, Reason.NOT_DECODED}
"""Reasons that only binary encodings have; see ``test_framing``, ``test_avro``, ``test_protobuf``."""

HUGE_SCORE = encoded(prediction(score=0.125)).replace(b"0.125", b"1e999")

REFUSED: tuple[tuple[Reason, str, Any, Role], ...] = (
    (Reason.EMPTY, "the message has no value (a tombstone)", None, "prediction"),
    (Reason.EMPTY, "the message is empty", b"", "outcome"),
    (Reason.OVERSIZED, "2001 bytes exceed limits.max_event_bytes 2000", b" " * 2_001, "prediction"),
    (Reason.OVERSIZED, "prediction_id has 21 characters, over 20", prediction(prediction_id="x" * 21), "prediction"),
    (Reason.OVERSIZED, "prediction_id has 21 characters, over 20", outcome(prediction_id="x" * 21), "outcome"),
    (
        Reason.NOT_JSON,
        "not JSON: Expecting property name enclosed in double quotes at line 1, column 2",
        b"{'model': 1}",
        "prediction",
    ),
    (Reason.NOT_JSON, "not JSON: no utf-8 text from byte 11 on", b'{"model": "\xff"}', "prediction"),
    (Reason.NOT_JSON, "not JSON: Extra data at line 1, column 3", b"{}{}", "outcome"),
    (Reason.NOT_AN_OBJECT, "an event is an object, not a list", [1], "prediction"),
    (Reason.NOT_AN_OBJECT, "an event is an object, not null", b"null", "outcome"),
    (
        Reason.UNKNOWN_KIND,
        "kind is 'guess'; known are prediction, outcome, backfill",
        prediction(kind="guess"),
        "outcome",
    ),
    (Reason.UNKNOWN_KIND, "kind is a list; known are", prediction(kind=[1]), "prediction"),
    (Reason.MISSING_FIELD, "model is missing", prediction(model=None), "prediction"),
    (Reason.MISSING_FIELD, "predicted_at is missing", prediction(predicted_at=None), "prediction"),
    (Reason.MISSING_FIELD, "score is missing", prediction(score=None), "prediction"),
    (Reason.MISSING_FIELD, "outcome_at is missing", outcome(outcome_at=None), "outcome"),
    (Reason.MISSING_FIELD, "outcome is missing", outcome(outcome=None), "outcome"),
    (
        Reason.MISSING_FIELD,
        "features is missing",
        {"kind": "backfill", "model": "churn", "prediction_id": "1"},
        "prediction",
    ),
    (Reason.MISSING_ID, "prediction_id is missing", prediction(prediction_id=None), "prediction"),
    (Reason.MISSING_ID, "prediction_id is missing", outcome(prediction_id=""), "outcome"),
    (Reason.WRONG_TYPE, "model is a number, not a string", prediction(model=5), "prediction"),
    (Reason.WRONG_TYPE, "version is a number, not a string", prediction(version=7.0), "prediction"),
    (Reason.WRONG_TYPE, "version is a boolean, not a string", prediction(version=True), "prediction"),
    (Reason.WRONG_TYPE, "prediction_id is a number, not a string", outcome(prediction_id=1.0), "outcome"),
    (
        Reason.WRONG_TYPE,
        "prediction_id holds half of a surrogate pair",
        prediction(prediction_id="\ud800"),
        "prediction",
    ),
    (Reason.WRONG_TYPE, "group is a list, not a string", prediction(group=["a"]), "prediction"),
    (Reason.WRONG_TYPE, "group holds half of a surrogate pair", prediction(group="a\udc00"), "prediction"),
    (Reason.WRONG_TYPE, "features is a list, not an object", prediction(features=[1]), "prediction"),
    (Reason.WRONG_TYPE, "slices is a string, not an object", prediction(slices="EU"), "prediction"),
    (Reason.WRONG_TYPE, "score is a boolean, not a number", prediction(score=True), "prediction"),
    (Reason.WRONG_TYPE, "score is a string, not a number", prediction(score="0.5"), "prediction"),
    (Reason.WRONG_TYPE, "outcome is a string, not a number", outcome(outcome="yes"), "outcome"),
    (Reason.UNKNOWN_MODEL, "model 'other' is not in the configuration", prediction(model="other"), "prediction"),
    (Reason.UNKNOWN_MODEL, "model 'other' is not in the configuration", outcome(model="other"), "outcome"),
    (Reason.UNKNOWN_VERSION, "version '9' of model 'churn'; known are 7", prediction(version="9"), "prediction"),
    (
        Reason.UNKNOWN_VERSION,
        "version a text of 0 characters of model 'churn'; known are 7",
        prediction(version=""),
        "prediction",
    ),
    (Reason.SCORE_NOT_FINITE, "score is nan", prediction(score=float("nan")), "prediction"),
    (Reason.SCORE_NOT_FINITE, "score is -inf", prediction(score=float("-inf")), "prediction"),
    (
        Reason.SCORE_NOT_FINITE,
        "score is inf",
        HUGE_SCORE,
        "prediction",
    ),
    (Reason.SCORE_NOT_FINITE, "score is inf", prediction(score=10**400), "prediction"),
    (Reason.SCORE_OUT_OF_RANGE, "score is above 1: no probability", prediction(score=83), "prediction"),
    (Reason.SCORE_OUT_OF_RANGE, "score is below 0: no probability", prediction(score=-1e-9), "prediction"),
    (Reason.INVALID_OUTCOME, "outcome is a number, neither 0 nor 1", outcome(outcome=2), "outcome"),
    (Reason.INVALID_OUTCOME, "outcome is nan, neither 0 nor 1", outcome(outcome=float("nan")), "outcome"),
    (
        Reason.BAD_TIME,
        "predicted_at is a text of 9 characters: no RFC",
        prediction(predicted_at="yesterday"),
        "prediction",
    ),
    (
        Reason.BAD_TIME,
        "is a text of 20 characters: no RFC 3339 time",
        prediction(predicted_at="2026-02-29T00:00:00Z"),
        "prediction",
    ),
    (Reason.BAD_TIME, "predicted_at is a number: no RFC 3339 time", prediction(predicted_at=1e300), "prediction"),
    (Reason.BAD_TIME, "predicted_at is a number: no RFC", prediction(predicted_at=10**400), "prediction"),
    (Reason.BAD_TIME, "predicted_at is an object: no RFC 3339", prediction(predicted_at={}), "prediction"),
    (Reason.BAD_TIME, "outcome_at is a boolean: no RFC 3339 time", outcome(outcome_at=True), "outcome"),
    (
        Reason.TIME_TOO_EARLY,
        "predicted_at lies in the year 1970, before",
        prediction(predicted_at=1795694),
        "prediction",
    ),
    (
        Reason.TIME_TOO_EARLY,
        "lies in the year 1999, before limits.min_time",
        outcome(outcome_at="1999-12-31T23:59:59.999999Z"),
        "outcome",
    ),
    (
        Reason.TIME_IN_FUTURE,
        "lies 3601 s ahead",
        prediction(predicted_at="2026-11-26T13:00:01Z"),
        "prediction",
    ),
    (Reason.TIME_IN_FUTURE, "outcome_at lies 86400 s ahead", outcome(outcome_at="2026-11-27T12:00:00Z"), "outcome"),
)


@pytest.mark.parametrize("neighbour", [False, True])
@pytest.mark.parametrize(("reason", "detail", "event", "role"), REFUSED)
def test_each_fault_has_its_reason(reason: Reason, detail: str, event: Any, role: Role, neighbour: bool) -> None:
    """A faulty message becomes a dead letter with its reason, a sentence, its place, and its first bytes."""
    payload = event if event is None or isinstance(event, bytes) else encoded(event)
    decoded = decode(payload, role=role, limits=LIMITS)
    letter = only_dead_letter(decoded)
    assert letter.reason is reason
    assert detail in letter.detail
    assert len(letter.detail) < 250
    assert (letter.topic, letter.partition, letter.offset) == ("events", 3, 100)
    assert letter.head == (payload or b"")[:16]
    if neighbour:  # the same beside a good event of the topic
        good = encoded(prediction() if role == "prediction" else outcome())
        beside = decode(good, payload, role=role, limits=LIMITS)
        assert [(one.reason, one.offset) for one in beside.dead_letters] == [(reason, 101)]
        assert len(by_offset(beside)) == 2


def test_every_reason_is_reached() -> None:
    """No reason exists without a message that triggers it, but for those that others than a codec find."""
    assert {reason for reason, *_ in REFUSED} == set(Reason) - LATER_STAGES - OF_LISTS - OF_SCHEMAS - OF_BATCHES


@pytest.mark.parametrize("reason", sorted(LATER_STAGES))
def test_a_later_stage_can_refuse_a_row(reason: Reason) -> None:
    """A row of a batch can still become a dead letter, with its own offset and first bytes."""
    origin = Origin("events", 3, np.array([7, 9]), [b"first", b"second"])
    letter = origin.dead_letter(1, reason, "because", head_bytes=3)
    assert (letter.reason, letter.detail, letter.offset, letter.head) == (reason, "because", 9, b"sec")
    assert Origin("events", 3, np.array([7])).dead_letter(0, reason, "because").head == b""


def test_a_missing_version_is_refused_where_several_are_configured() -> None:
    """With two versions, an event without one belongs to neither."""
    letter = only_dead_letter(decode(encoded(prediction(version=None)), schemas=[CHURN, CHURN_8]))
    assert (letter.reason, letter.detail) == (Reason.UNKNOWN_VERSION, "no version of model 'churn'; known are 7, 8")


TOLERATED: dict[str, dict[str, Any]] = {
    "numeric version": {"version": 7},
    "missing version of an only version": {"version": None},
    "kind left to the topic": {"kind": None},
    "integer score": {"score": 1},
    "score on the edge": {"score": 0.0},
    "seconds since the epoch": {"predicted_at": RECEIVED_US / 1e6 - 29.75},
    "time in another zone": {"predicted_at": "2026-11-26T13:59:30.25+02:00"},
    "time without a zone": {"predicted_at": "2026-11-26T11:59:30.250"},
    "an hour ahead": {"predicted_at": "2026-11-26T13:00:00Z"},
    "odd feature times": {"feature_times": ["x"], "attributions": 5},
}


@pytest.mark.parametrize("changes", TOLERATED.values(), ids=TOLERATED.keys())
def test_a_tolerated_form_is_the_same_prediction(changes: dict[str, Any]) -> None:
    """Forms that lose nothing give the row of the canonical event, but for the value that they change."""
    plain = by_offset(decode(encoded(prediction())))[100]
    row = by_offset(decode(encoded(prediction(**changes))))[100]
    assert (row[:4], row[6:10]) == (plain[:4], plain[6:10])
    assert row[5] == changes.get("score", plain[5])
    assert row[4] == (RECEIVED_US + 3_600_000_000 if changes == TOLERATED["an hour ahead"] else plain[4])


@pytest.mark.parametrize(("given", "text"), [(17, "17"), (-3, "-3"), (10**30, str(10**30))])
def test_a_numeric_id_or_group_is_its_digits(given: int, text: str) -> None:
    """An id or group written as a number is the one written as text: producers mix them."""
    as_number = by_offset(decode(encoded(prediction(prediction_id=given, group=given))))[100]
    as_text = by_offset(decode(encoded(prediction(prediction_id=text, group=text))))[100]
    assert as_number[:10] == as_text[:10]
    late = by_offset(decode(encoded(outcome(prediction_id=given)), role="outcome"))[100]
    assert late[2] == as_text[3]


@pytest.mark.parametrize(
    ("value", "number", "invalid"),
    [
        (float("nan"), "nan", False),
        (None, "nan", False),
        (float("inf"), "inf", False),
        (float("-inf"), "-inf", False),
        (10**400, "inf", False),
        (-(10**400), "-inf", False),
        (True, "1.0", False),
        (False, "0.0", False),
        ("41", "nan", True),
        ([41], "nan", True),
        ({"value": 41}, "nan", True),
    ],
)
def test_a_feature_that_is_no_plain_number_is_kept_apart(value: object, number: str, invalid: bool) -> None:
    """NaN is missing, infinities stay, booleans are 0 and 1, and what is no number is marked invalid."""
    row = by_offset(decode(encoded(prediction(features={"age": value, "tenure": 2}))))[100]
    assert (row[7], row[8]) == (["2.0", number], [False, invalid])


@pytest.mark.parametrize(("value", "number"), [(True, 1.0), (False, 0.0), (1.0, 1.0), (0, 0.0)])
def test_an_outcome_may_be_a_boolean(value: object, number: float) -> None:
    """True and false are outcomes; so is any number equal to 0 or 1."""
    assert by_offset(decode(encoded(outcome(outcome=value)), role="outcome"))[100][4] == number


REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "events.md"


def test_every_reason_is_documented_with_its_mend() -> None:
    """The reference lists exactly the reasons that exist, each with a meaning and a mend."""
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|$", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)
    documented = {name: (meaning.strip(), mend.strip()) for name, meaning, mend in rows if name in set(Reason)}
    assert set(documented) == set(Reason)
    assert all(len(meaning) > 10 and len(mend) > 10 for meaning, mend in documented.values())


def test_the_examples_of_the_reference_decode() -> None:
    """The reference's own predictions, outcomes and backfills are read without a dead letter."""
    blocks = re.findall(r"```json\n(.+?)\n```", REFERENCE.read_text(encoding="utf-8"), re.DOTALL)
    decoded = decode(*(block.encode() for block in blocks))
    assert decoded.dead_letters == []
    assert (len(decoded.predictions[0]), len(decoded.outcomes[0]), sum(map(len, decoded.backfills))) == (1, 1, 1)
