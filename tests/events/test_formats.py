"""Messages as each producer writes them give exactly the events that they stand for."""

from __future__ import annotations

from typing import Any

import pytest

from sentinel.events.batch import Outcomes, Predictions
from sentinel.events.codecs.messages import Messages, Role
from sentinel.events.codecs.shapes.protocol import Event
from tests.events.adapted import adapting, dumped, events_of, pairs_of

AT = 1_795_694_370.0
"""2026-11-26T11:59:30Z, which most messages name; the broker got all of them 30 s later."""
RECEIVED = AT + 30.0


def prediction(identity: str, at: object, score: float, features: dict[str, Any], **more: Any) -> Event:
    """A canonical prediction of churn."""
    return {
        "kind": "prediction",
        "model": "churn",
        "prediction_id": identity,
        "predicted_at": at,
        "score": score,
        "features": features,
        **more,
    }


def outcome(identity: str, at: object, value: object) -> Event:
    """A canonical outcome of churn."""
    return {"kind": "outcome", "model": "churn", "prediction_id": identity, "outcome": value, "outcome_at": at}


FIRST, SECOND = {"tenure": 41, "plan": "pro", "age": 30.5}, {"tenure": 2, "plan": "basic", "age": 61}
NAMES = ["tenure", "plan", "age"]

# File -> role, settings, the events that it stands for: read off the file by eye.
EXAMPLES: dict[str, tuple[Role, dict[str, Any], list[Event]]] = {
    "kserve_v1": (
        "prediction",
        {"shape": "kserve", "inference": {"models": {"churn-prod": "churn"}, "feature_names": NAMES, "column": 1}},
        [prediction("5f2a/0", AT + 0.25, 0.2, FIRST), prediction("5f2a/1", AT + 0.25, 0.75, SECOND)],
    ),
    "kserve_v2": (
        "prediction",
        {"shape": "kserve", "inference": {"model": "churn", "output": "probability"}},
        [prediction("5f2b", AT, 0.125, FIRST, version="7")],
    ),
    "cloudevents_binary": (
        "prediction",
        {"shape": "cloudevents"},
        [prediction("p-1", "2026-11-26T11:59:30Z", 0.25, {"tenure": 41, "plan": "pro"}, version="7")],
    ),
    "cloudevents_structured": (
        "prediction",
        {"shape": "cloudevents"},
        [
            prediction(p, "2026-11-26T11:59:30.250Z", 0.25, {"tenure": 41, "plan": "pro"}, version="7")
            for p in ("p-1", "p-2")
        ],
    ),
    "fields": (
        "prediction",
        {
            "shape": "fields",
            "fields": {
                "model": {"constant": "churn"},
                "version": "$header.x-model-version",
                "prediction_id": "$key",
                "predicted_at": {"path": "meta.at", "unit": "ms"},
                "score": "result[0].p",
                "features": {
                    "of": "customer",
                    "without": ["full name", "tenure.days"],
                    "named": {"tenure": 'customer["tenure.days"]'},
                },
                "group": 'customer["full name"]',
                "where": {"meta.type": "scored"},
            },
        },
        [prediction("p-1", AT + 0.25, 0.25, {"plan": "pro", "tenure": 41}, version="7", group="c-9")],
    ),
    "fields_outcomes": (
        "outcome",
        {
            "shape": "fields",
            "fields": {
                "model": {"constant": "churn"},
                "prediction_id": "id",
                "outcome": "status",
                "outcome_values": {"cancelled": 1, "renewed": 0},
                "outcome_at": "day",
            },
        },
        [outcome(7, "2026-11-26T10:00:00+01:00", 1.0), outcome(8, "2026-11-26T10:00:00+01:00", 0.0)],  # type: ignore[arg-type]
    ),
    "seldon_v1_cloudevents": (
        "prediction",
        {
            "shape": "seldon-v1",
            "inference": {"output": "t:1", "version_from": "endpoint", "versions": {"default": "7"}},
        },
        [
            prediction("r-1/0", AT, 0.2, FIRST, version="7"),
            prediction("r-1/1", AT, 0.75, SECOND, version="7"),
        ],
    ),
    "seldon_v1_kafka": (
        "prediction",
        {"shape": "seldon-v1", "inference": {"feature_names": ["tenure", "age"]}},
        [prediction("r-2", RECEIVED, 0.125, {"tenure": 41, "age": 30.5})],
    ),
    "seldon_v1_feedback": (
        "outcome",
        {"shape": "seldon-v1"},
        [outcome("r-1/0", RECEIVED, 0), outcome("r-1/1", RECEIVED, 1)],
    ),
    "seldon_v2": (
        "prediction",
        {
            "shape": "seldon-v2",
            "inference": {"models": {"churn_1": "churn"}, "versions": {"1": "7"}, "feature_names": ["tenure", "age"]},
        },
        [
            prediction("c9q1/0", RECEIVED, 0.25, {"tenure": 41, "age": 30.5}, version="7"),
            prediction("c9q1/1", RECEIVED, 0.75, {"tenure": 2, "age": 61}, version="7"),
        ],
    ),
    "open_inference_pair": (
        "prediction",
        {"shape": "open-inference", "inference": {"column": 1}},
        [
            prediction("q-1/0", RECEIVED, 0.2, {"tenure": 41, "plan": "pro"}, version="7"),
            prediction("q-1/1", RECEIVED, 0.75, {"tenure": 2, "plan": "basic"}, version="7"),
        ],
    ),
    "open_inference_record": (
        "prediction",
        {"shape": "open-inference", "inference": {"column": 1, "output": "probabilities"}},
        [
            prediction("q-1/0", AT, 0.2, {"tenure": 41, "plan": "pro"}, version="7"),
            prediction("q-1/1", AT, 0.75, {"tenure": 2, "plan": "basic"}, version="7"),
        ],
    ),
    "bentoml": (
        "prediction",
        {"shape": "bentoml", "records": {"model": "churn", "version": "7", "score": "probability"}},
        [prediction("8613418", "2026-11-26T11:59:30.250000", 0.25, {"tenure": 41, "plan": "pro"}, version="7")],
    ),
    "bentoml_outcomes": (
        "outcome",
        {"shape": "bentoml", "records": {"model": "churn", "outcome": "churned"}},
        [outcome("8613418", "2026-11-26T11:59:59.000000", 1)],
    ),
    "sagemaker_capture": (
        "prediction",
        {"shape": "sagemaker-capture", "inference": {"model": "churn", "version": "7", "feature_names": NAMES}},
        [
            prediction("eid-1/0", AT, 0.25, FIRST, version="7"),
            prediction("eid-1/1", AT, 0.75, SECOND | {"age": None}, version="7"),
            prediction("my-id-7", AT, 0.125, FIRST, version="7"),
        ],
    ),
    "sagemaker_ground_truth": (
        "outcome",
        {"shape": "sagemaker-ground-truth", "truth": {"model": "churn"}},
        [outcome("eid-1", RECEIVED, 1.0)],
    ),
}

ALONE: dict[str, list[Event]] = {
    "kserve_v2": [prediction("5f2b", AT + 1.0, 0.125, {}, version="7")],
    "seldon_v1_kafka": [prediction("r-2", RECEIVED, 0.125, {})],
    "seldon_v2": [
        prediction("c9q1/0", RECEIVED, 0.25, {}, version="7"),
        prediction("c9q1/1", RECEIVED, 0.75, {}, version="7"),
    ],
}


@pytest.mark.parametrize("name", sorted(ALONE))
def test_responses_alone_are_predictions_without_features(name: str) -> None:
    """Where requests are elsewhere, responses count by themselves, at their own time, and requests are passed over."""
    role, settings, _ = EXAMPLES[name]
    alone = settings | {"inference": settings["inference"] | {"responses_alone": True}}
    assert events_of(adapting(alone, role), dumped(name, role)) == ALONE[name]
    decoded = adapting(alone, role).decode(dumped(name, role))
    assert (decoded.passed_over["prediction"], decoded.halves, decoded.dead_letters) == (1, None, [])


@pytest.mark.parametrize(("role", "n_passed_over"), [("prediction", 1), ("outcome", 2)])
def test_a_topic_of_seldon_may_hold_all_three(role: Role, n_passed_over: int) -> None:
    """Each role takes what is its own: feedback is no prediction, a request and its response are no outcome."""
    one, other = dumped("seldon_v1_feedback", role), dumped("seldon_v1_kafka", role)
    messages = Messages(
        topic="seldon-log",
        partition=0,
        role=role,
        offsets=[0, 1, 2],
        payloads=[*one.payloads[:1], *other.payloads],
        received_at=[*one.received_at[:1], *other.received_at],
        keys=[None] * 3,
        headers=[*one.headers[:1], *other.headers],
    )
    decoded = adapting({"shape": "seldon-v1", "inference": {"feature_names": ["tenure", "age"]}}, role).decode(messages)
    assert decoded.passed_over[role] == n_passed_over
    assert (sum(map(len, decoded.outcomes)), decoded.dead_letters) == (0 if role == "prediction" else 2, [])


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_events_are_exactly_those(name: str) -> None:
    """A dump of a topic gives the events that a person reads off it, no field more and none less."""
    role, settings, expected = EXAMPLES[name]
    assert events_of(adapting(settings, role), dumped(name, role)) == expected


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_events_are_counted(name: str) -> None:
    """The same messages through the whole codec: every event a row of its message's offset, no dead letter."""
    role, settings, expected = EXAMPLES[name]
    codec, messages = adapting(settings, role), dumped(name, role)
    decoded = codec.decode(messages)
    groups: list[Predictions | Outcomes] = [*decoded.predictions, *decoded.outcomes]
    if decoded.halves is not None:
        completed = decoded.halves.complete(0, pairs_of(decoded.halves.rows))
        assert not completed.dead_letters
        groups = [*completed.predictions]
        assert {offset for group in groups for offset in group.origin.offsets.tolist()} == {1}  # the later half
    assert not decoded.dead_letters
    assert sum(map(len, groups)) == len(expected)
    n_passed_over = sum(decoded.passed_over.values())
    assert n_passed_over == (1 if name in ("fields", "seldon_v1_feedback") else 0)
