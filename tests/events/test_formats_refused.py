"""What a format cannot read becomes a dead letter that says why; nothing of it is ever raised."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.events import Limits, Reason
from sentinel.events.codecs.adapting import AdaptingCodec
from sentinel.events.codecs.messages import Messages
from sentinel.events.codecs.shapes.protocol import MAX_ROWS
from tests.events.adapted import adapting, dumped, message, pairs_of
from tests.events.canonical import RECEIVED_US
from tests.events.test_formats import EXAMPLES

KSERVE = {"shape": "kserve", "inference": {"model": "churn", "feature_names": ["tenure", "plan"]}}
SELDON = {"shape": "seldon-v1", "inference": {"feature_names": ["tenure", "plan"]}}
RECORD = {"shape": "open-inference", "inference": {"model": "churn", "feature_names": ["tenure", "plan"]}}
CAPTURE = {"shape": "sagemaker-capture", "inference": {"model": "churn", "feature_names": ["tenure", "plan"]}}
FIELDS = {
    "shape": "fields",
    "fields": {
        "model": {"constant": "churn"},
        "prediction_id": "id",
        "predicted_at": {"path": "at", "unit": "ms"},
        "score": "p",
        "features": "x",
    },
}
CE = {"ce_specversion": "1.0", "ce_id": "q", "ce_source": "/s"}
REQUEST = CE | {"ce_type": "org.kubeflow.serving.inference.request"}
RESPONSE = CE | {"ce_type": "org.kubeflow.serving.inference.response"}
STRUCTURED = {"content-type": "application/cloudevents+json"}
ENVELOPE = {"specversion": "1.0", "id": "q", "source": "/s", "type": "t"}


def record(request: Any, response: Any) -> dict[str, Any]:
    """Both halves in one record."""
    return {"id": "q", "request": request, "response": response}


def tensor(**changes: Any) -> dict[str, Any]:
    """A request of the protocol's second version, of one row and two columns."""
    return {"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP64", "data": [1, 2]} | changes]}


def capture(**changes: Any) -> dict[str, Any]:
    """A captured call; changes are of its input."""
    given = {"observedContentType": "text/csv", "mode": "INPUT", "data": "1,pro", "encoding": "CSV"} | changes
    answer = {"observedContentType": "text/csv", "mode": "OUTPUT", "data": "0.5", "encoding": "CSV"}
    meta = {"eventId": "e", "inferenceTime": "2026-11-26T11:59:30Z"}
    return {"captureData": {"endpointInput": given, "endpointOutput": answer}, "eventMetadata": meta}


ANSWER = {"predictions": [0.5]}
# Settings, payload, headers; reason, and what the detail says.
REFUSED: dict[str, tuple[dict[str, Any], object, dict[str, str], Reason, str]] = {
    "tombstone": (KSERVE, None, REQUEST, Reason.EMPTY, "the message has no value (a tombstone)"),
    "empty": (FIELDS, b"", {}, Reason.EMPTY, "the message is empty"),
    "not_json": (FIELDS, b'{"id": 1]}', {}, Reason.NOT_JSON, "not JSON: JSONDecodeError at character 9"),
    "deep": (FIELDS, b"[" * 100_000, {}, Reason.NOT_JSON, "not JSON: RecursionError"),
    "not_an_object": (FIELDS, [1], {}, Reason.MISSING_FIELD, "features (at x) is missing"),
    "no_ce": (KSERVE, {"instances": []}, {}, Reason.MISSING_FIELD, "no CloudEvent: neither ce_ headers nor a"),
    "ce_without_id": (KSERVE, {}, {"ce_type": "x"}, Reason.MISSING_FIELD, "the CloudEvent has no id"),
    "ce_without_type": (KSERVE, {}, {"ce_id": "x"}, Reason.MISSING_FIELD, "the CloudEvent has no type"),
    "ce_time": (KSERVE, {}, REQUEST | {"ce_time": "noon"}, Reason.BAD_TIME, "the CloudEvent's time is a text of 4"),
    "ce_type": (KSERVE, {}, CE | {"ce_type": "x.y"}, Reason.UNKNOWN_KIND, "the CloudEvent's type is 'x.y', not one"),
    "ce_batch": (KSERVE, [], {"content-type": "application/cloudevents-batch+json"}, Reason.WRONG_TYPE, "a batch of"),
    "ce_structured_list": ({"shape": "cloudevents"}, [], STRUCTURED, Reason.WRONG_TYPE, "the CloudEvent is a list"),
    "ce_no_data": ({"shape": "cloudevents"}, ENVELOPE, STRUCTURED, Reason.EMPTY, "the CloudEvent has no data"),
    "ce_base64": (
        {"shape": "cloudevents"},
        ENVELOPE | {"data_base64": "***"},
        STRUCTURED,
        Reason.WRONG_TYPE,
        "data_base64 is not base64",
    ),
    "ce_data_number": ({"shape": "cloudevents"}, ENVELOPE | {"data": 7}, STRUCTURED, Reason.NOT_AN_OBJECT, "a number"),
    "ce_future": (
        KSERVE,
        {"instances": [[1, "pro"]]},
        REQUEST | {"ce_time": "2027-11-26T11:59:30Z"},
        Reason.TIME_IN_FUTURE,
        "its time lies 31535970 s ahead of the message's timestamp",
    ),
    "ce_old": (
        KSERVE,
        {"instances": [[1, "pro"]]},
        REQUEST | {"ce_time": "1970-01-01T00:00:30Z"},
        Reason.TIME_TOO_EARLY,
        "its time lies before limits.min_time",
    ),
    "no_protocol": (KSERVE, {"rows": []}, REQUEST, Reason.MISSING_FIELD, "the request holds neither instances"),
    "no_rows": (KSERVE, {"instances": []}, REQUEST, Reason.MISSING_FIELD, "the request has no rows"),
    "instances_null": (KSERVE, {"instances": None}, REQUEST, Reason.MISSING_FIELD, "instances is missing"),
    "many_rows": (KSERVE, {"instances": [[]] * 10_001}, REQUEST, Reason.OVERSIZED, "instances has 10001 rows, over"),
    "narrow_row": (KSERVE, {"instances": [[1]]}, REQUEST, Reason.WRONG_TYPE, "instances[0] has 1 columns, and 2 have"),
    "no_answer": (KSERVE, {"error": "no"}, RESPONSE, Reason.MISSING_FIELD, "the response holds neither predictions"),
    "score_text": (
        KSERVE,
        {"predictions": ["high"]},
        RESPONSE,
        Reason.WRONG_TYPE,
        "row 0 of the response is a text of",
    ),
    "score_nan": (KSERVE, {"predictions": ["NaN"]}, RESPONSE, Reason.SCORE_NOT_FINITE, "row 0 of the response is nan"),
    "score_null": (KSERVE, {"predictions": [None]}, RESPONSE, Reason.MISSING_FIELD, "row 0 of the response is missing"),
    "two_numbers": (KSERVE, {"predictions": [[0.1, 0.9]]}, RESPONSE, Reason.WRONG_TYPE, "(set column to the one that"),
    "two_keys": (KSERVE, {"predictions": [{"a": 1, "b": 2}]}, RESPONSE, Reason.WRONG_TYPE, "(set output to the one"),
    "two_outputs": (
        KSERVE,
        {"outputs": [{"name": n, "shape": [1], "datatype": "FP64", "data": [0.5]} for n in "ab"]},
        RESPONSE,
        Reason.WRONG_TYPE,
        "the response has 2 outputs (set output",
    ),
    "row_counts": (
        RECORD,
        record({"instances": [[1, "a"], [2, "b"]]}, ANSWER),
        {},
        Reason.UNPAIRED,
        "the request has 2 rows and its response 1",
    ),
    "no_id": (RECORD, {"request": {}, "response": {}}, {}, Reason.MISSING_ID, "neither the body has an id"),
    "shape_empty": (RECORD, record(tensor(shape=[]), ANSWER), {}, Reason.WRONG_TYPE, "inputs[0].shape is empty"),
    "shape_text": (RECORD, record(tensor(shape=["x"]), ANSWER), {}, Reason.WRONG_TYPE, "inputs[0].shape is a text"),
    "shape_negative": (RECORD, record(tensor(shape=[-1, 2]), ANSWER), {}, Reason.WRONG_TYPE, "a dimension that none"),
    "shape_huge": (
        RECORD,
        record(tensor(shape=[1 << 39, 1 << 39]), ANSWER),
        {},
        Reason.OVERSIZED,
        "inputs[0].shape is",
    ),
    "data_short": (RECORD, record(tensor(data=[1]), ANSWER), {}, Reason.WRONG_TYPE, "holds 1 values, and its shape"),
    "data_mixed": (RECORD, record(tensor(data=[[1], 2]), ANSWER), {}, Reason.WRONG_TYPE, "mixes lists and single"),
    "data_binary": (RECORD, record(tensor(data=None), ANSWER), {}, Reason.MISSING_FIELD, "tensors in binary after"),
    "tensor_name": (RECORD, record(tensor(name=None), ANSWER), {}, Reason.MISSING_FIELD, "inputs[0].name is missing"),
    "unequal_tensors": (
        RECORD,
        record({"inputs": [*tensor()["inputs"], *tensor(shape=[2, 1])["inputs"]]}, ANSWER),
        {},
        Reason.WRONG_TYPE,
        "the tensors of inputs have 1 and 2 rows",
    ),
    "raw_short": (
        RECORD,
        record(tensor(data=None) | {"raw_input_contents": [base64.b64encode(b"1234").decode()]}, ANSWER),
        {},
        Reason.WRONG_TYPE,
        "the raw contents of inputs[0] have 4 bytes, and its shape says 16",
    ),
    "two_signs": (  # Protobuf's JSON writes int64 as text; this looks like one
        RECORD,
        record(tensor(), {"outputs": [{"name": "y", "shape": [1], "contents": {"int64_contents": ["--5"]}}]}),
        {},
        Reason.WRONG_TYPE,
        "row 0 of the response is a text of 3 characters, not a number",
    ),
    "seldon_type": (SELDON, {}, {"type": "x", "requestid": "r"}, Reason.UNKNOWN_KIND, "the message's type is 'x', not"),
    "seldon_no_id": (
        SELDON,
        {},
        {"type": "io.seldon.serving.inference.request"},
        Reason.MISSING_ID,
        "the message has no requestid",
    ),
    "seldon_data": (
        SELDON,
        {"data": {"names": ["a"]}},
        {"type": "io.seldon.serving.inference.request", "requestid": "r"},
        Reason.MISSING_FIELD,
        "data holds neither ndarray nor tensor",
    ),
    "capture_one_side": (
        CAPTURE,
        {
            "captureData": {"endpointInput": {"data": "1,2", "encoding": "CSV"}},
            "eventMetadata": {"eventId": "e", "inferenceTime": 1_795_694_370},
        },
        {},
        Reason.MISSING_FIELD,
        "captureData.endpointOutput is missing (capture both input and output)",
    ),
    "capture_encoding": (CAPTURE, capture(encoding="PARQUET"), {}, Reason.WRONG_TYPE, "encoding is 'PARQUET': not CSV"),
    "capture_base64": (CAPTURE, capture(encoding="BASE64"), {}, Reason.WRONG_TYPE, "is not base64 of UTF-8 text"),
    "capture_columns": (CAPTURE, capture(data="1,2,3"), {}, Reason.WRONG_TYPE, "has 3 columns, and 2 have names"),
    "bento_id": (
        {"shape": "bentoml", "records": {"model": "churn", "score": "p"}},
        {"p": 0.5},
        {},
        Reason.MISSING_ID,
        "the column request_id is missing",
    ),
    "bento_score": (
        {"shape": "bentoml", "records": {"model": "churn", "score": "p"}},
        {"request_id": "r", "timestamp": "2026-11-26T11:59:30"},
        {},
        Reason.MISSING_FIELD,
        "score is missing",
    ),
    "fields_time": (
        FIELDS,
        {"id": "a", "at": "soon", "p": 1, "x": {}},
        {},
        Reason.BAD_TIME,
        "predicted_at is a text of",
    ),
    "fields_score": (
        FIELDS,
        {"id": "a", "at": 1_795_694_370_000, "x": {}},
        {},
        Reason.MISSING_FIELD,
        "score is missing",
    ),
    "fields_model": (
        FIELDS | {"fields": FIELDS["fields"] | {"model": {"constant": "other"}}},  # type: ignore[operator]
        {"id": "a", "at": 1_795_694_370_000, "p": 0.5, "x": {}},
        {},
        Reason.UNKNOWN_MODEL,
        "model 'other' is not in the configuration",
    ),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_dead_letter_says_why(name: str) -> None:
    """A message that cannot be read is refused with its reason, its place, and none of its values."""
    chosen, payload, headers, reason, detail = REFUSED[name]
    decoded = adapting(chosen).decode(message(payload, headers))
    [letter] = decoded.dead_letters
    assert (letter.reason, letter.offset, letter.topic) == (reason, 100, "events")
    assert detail in letter.detail
    assert (decoded.predictions, decoded.halves) == ([], None)


def test_row_of_many_is_named() -> None:
    """A dead letter of one row names the message and the row; the other rows count."""
    body = record({"instances": [[1, "pro"], [2, "pro"], [3, "pro"]]}, {"predictions": [0.5, 1.5, 0.25]})
    decoded = adapting(RECORD).decode(message(body))
    [letter], [batch] = decoded.dead_letters, decoded.predictions
    assert letter.reason == Reason.SCORE_OUT_OF_RANGE
    assert letter.detail.endswith("(row 1 of 3, from 0)")
    assert letter.head == json.dumps(body).encode()[:256]
    assert batch.origin.offsets.tolist() == [100, 100]
    assert batch.scores.tolist() == [0.5, 0.25]
    assert batch.origin.dead_letter(1, Reason.EXPIRED, "").head == letter.head


def test_oversized_is_not_read() -> None:
    """A message over the limit is refused before anything looks into it."""
    decoded = adapting(FIELDS, limits=Limits(max_event_bytes=10)).decode(message(b"x" * 11))
    assert decoded.dead_letters[0].reason == Reason.OVERSIZED


def test_odd_numbers_stay_what_they_are() -> None:
    """NaN is a missing feature, infinity is an infinite one, and a null is missing: as in canonical events."""
    body = b'{"id": "a", "at": 1795694370000, "p": 0.5, "x": {"tenure": Infinity, "age": NaN}}'
    [batch] = adapting(FIELDS).decode(message(body)).predictions
    assert batch.numeric[:, 0].tolist()[0] == np.inf
    assert np.isnan(batch.numeric[1, 0])


def test_rows_at_the_limit_count() -> None:
    """As many rows as a message may have: all of them count, in the order of the message."""
    body = record({"instances": [[i, "pro"] for i in range(MAX_ROWS)]}, {"predictions": [0.5] * MAX_ROWS})
    [batch] = adapting(RECORD).decode(message(body)).predictions
    assert batch.numeric[0].tolist() == list(range(MAX_ROWS))


def _finish(codec: AdaptingCodec, messages: Messages) -> int:
    """Decode, complete what is complete, and count what became of the messages."""
    decoded = codec.decode(messages)
    n = len(decoded.dead_letters) + sum(decoded.passed_over.values())
    origins = [*(group.origin for group in decoded.predictions), *(group.origin for group in decoded.outcomes)]
    n += sum(len({*origin.offsets.tolist()}) for origin in origins)
    if decoded.halves is not None:
        n += len(decoded.halves)
        sides = {(half.pair, half.side) for half in decoded.halves.rows}
        names = {half.pair for half in decoded.halves.rows}
        if all({(name, "request"), (name, "response")} <= sides for name in names):
            completed = decoded.halves.complete(0, pairs_of(decoded.halves.rows))
            assert completed.predictions or completed.dead_letters
    return n


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**80), 2**80)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["NaN", "-1", "1e999", "2026-11-26T11:59:30Z", "\ud800", "x" * 600])
)
WORDS = st.sampled_from(
    [
        "instances",
        "inputs",
        "outputs",
        "predictions",
        "data",
        "names",
        "ndarray",
        "tensor",
        "shape",
        "values",
        "id",
        "x",
    ]
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=12
)
HEADERS = st.dictionaries(
    st.sampled_from(["ce_id", "ce_type", "ce_time", "ce_source", "ce_annotations", "type", "requestid", "content-type"])
    | st.text(max_size=5),
    st.binary(max_size=12) | st.sampled_from([b"application/cloudevents+json", REQUEST["ce_type"].encode()]),
    max_size=5,
)


@pytest.mark.parametrize("name", sorted(EXAMPLES))
@settings(max_examples=60, deadline=None)
@given(
    payload=st.binary(max_size=60) | VALUES.map(lambda v: json.dumps(v).encode()),
    headers=HEADERS,
    key=st.none() | st.binary(max_size=4),
)
def test_any_message_is_accounted_for(name: str, payload: bytes, headers: dict[str, bytes], key: bytes | None) -> None:
    """Whatever bytes and headers come, the message is counted once, and nothing is raised."""
    role, chosen, _ = EXAMPLES[name]
    one = message(payload, None, key, role)
    one = Messages(
        one.topic, one.partition, role, one.offsets, one.payloads, one.received_at, one.keys, [[*headers.items()]]
    )
    assert _finish(adapting(chosen, role), one) == 1


@pytest.mark.parametrize("name", sorted(EXAMPLES))
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_damage_is_accounted_for(name: str, data: st.DataObject) -> None:
    """A real message with any part of it replaced or gone is counted once, and nothing is raised."""
    role, chosen, _ = EXAMPLES[name]
    messages = dumped(name, role)
    payloads = []
    for payload in messages.payloads:
        body = json.loads(payload or b"null")
        for _ in range(data.draw(st.integers(0, 2))):
            body = _damaged(body, data)
        payloads.append(json.dumps(body).encode())
    damaged = Messages(
        messages.topic, 0, role, messages.offsets, payloads, messages.received_at, messages.keys, messages.headers
    )
    codec = adapting(chosen, role)
    n = _finish(codec, damaged)
    assert n >= len(payloads)  # a message of several rows may have some that count and some that do not
    for i in range(len(payloads)):
        alone = Messages(
            messages.topic,
            0,
            role,
            [i],
            [payloads[i]],
            [RECEIVED_US],
            [messages.keys[i]],
            [messages.headers[i]],
        )
        assert _finish(codec, alone) >= 1


def _damaged(body: Any, data: st.DataObject) -> Any:
    """The body with one part, found by walking down at random, replaced by anything or left out."""
    whole = copy.deepcopy(body)
    here: Any = whole
    parent: Any = None
    place: Any = None
    while isinstance(here, dict | list) and here and (parent is None or data.draw(st.integers(0, 4)) > 0):
        parent = here
        place = data.draw(st.sampled_from(sorted(here) if isinstance(here, dict) else range(len(here))))
        here = here[place]
    if parent is None:
        return data.draw(VALUES)
    if data.draw(st.booleans()):
        del parent[place]
    else:
        parent[place] = data.draw(VALUES)
    return whole
