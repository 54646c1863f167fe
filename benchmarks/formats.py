"""What an event of each format costs to decode, beside the canonical event that says the same.

    python -m benchmarks.formats [--quick]

Prints microseconds of processor time an event (prediction or outcome), the median of several runs over the same
messages. Every message of a format is distinct in its id; features are ten numbers and two categories.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from sentinel.config.formats import Format, Formats
from sentinel.events import Column, EventSchema, Limits
from sentinel.events.codecs.adapting import AdaptingCodec, make_stages
from sentinel.events.codecs.json import JsonCodec
from sentinel.events.codecs.messages import Messages

N = 4_000
"""Events a run."""
REPEATS = 7
QUICK_REPEATS = 3
AT = 1_795_694_370
NUMBERS = [f"x{i}" for i in range(10)]
SCHEMA = EventSchema(
    "churn",
    "7",
    (
        *(Column(name, "numeric") for name in NUMBERS),
        Column("plan", "categorical", ("basic", "pro")),
        Column("region", "categorical", ("EU", "US")),
    ),
)
NAMES = [column.name for column in SCHEMA.columns]
VALUES: list[Any] = [*(i + 0.5 for i in range(10)), "pro", "EU"]
FEATURES = dict(zip(NAMES, VALUES, strict=True))
Message = tuple[Any, dict[str, str]]


def canonical(i: int) -> list[Message]:
    """Sentinel's own event."""
    return [({"model": "churn", "prediction_id": f"p{i}", "predicted_at": AT, "score": 0.25, "features": FEATURES}, {})]


def fields(i: int) -> list[Message]:
    """The same under other names."""
    body = {"meta": {"id": f"p{i}", "at": AT * 1_000, "model": "churn"}, "p": 0.25, "input": FEATURES}
    return [(body, {})]


def cloudevents(i: int) -> list[Message]:
    """The canonical event with its attributes in headers."""
    headers = {"ce_specversion": "1.0", "ce_id": f"e{i}", "ce_type": "scored", "ce_source": "/s", "ce_time": "x"}
    return [(canonical(i)[0][0], headers | {"ce_time": "2026-11-26T11:59:30Z", "content-type": "application/json"})]


def kserve(i: int, rows: int = 1) -> list[Message]:
    """A request and its response in protocol v1."""
    kind = "org.kubeflow.serving.inference."
    headers = {
        "ce_specversion": "1.0",
        "ce_id": f"q{i}",
        "ce_source": "http://localhost:9081/",
        "ce_time": "2026-11-26T11:59:30Z",
        "ce_inferenceservicename": "churn",
        "ce_namespace": "models",
        "ce_component": "predictor",
        "ce_endpoint": "default",
        "content-type": "application/json",
    }
    return [
        ({"instances": [VALUES] * rows}, headers | {"ce_type": f"{kind}request"}),
        ({"predictions": [0.25] * rows}, headers | {"ce_type": f"{kind}response"}),
    ]


def kserve_100(i: int) -> list[Message]:
    """The same with a hundred rows."""
    return kserve(i, 100)


def open_inference(i: int) -> list[Message]:
    """A record of protocol v2, a tensor for each column."""
    inputs = [
        {"name": name, "shape": [1], "datatype": "BYTES" if isinstance(value, str) else "FP64", "data": [value]}
        for name, value in FEATURES.items()
    ]
    output = {"name": "p", "shape": [1], "datatype": "FP64", "data": [0.25]}
    response = {"model_name": "churn", "outputs": [output]}
    return [({"id": f"q{i}", "time": AT, "request": {"inputs": inputs}, "response": response}, {})]


def seldon(i: int) -> list[Message]:
    """A request and its response of Seldon Core v1, with plain headers."""
    headers = {"requestid": f"q{i}", "inferenceservicename": "churn", "content-type": "application/json"}
    kind = "io.seldon.serving.inference."
    return [
        ({"data": {"names": NAMES, "ndarray": [VALUES]}}, headers | {"type": f"{kind}request"}),
        ({"data": {"names": ["p"], "ndarray": [[0.25]]}}, headers | {"type": f"{kind}response"}),
    ]


def bentoml(i: int) -> list[Message]:
    """A monitoring record."""
    own = {"timestamp": "2026-11-26T11:59:30.250000", "request_id": f"q{i}", "trace_id": "1"}
    return [(FEATURES | {"p": 0.25} | own, {})]


def sagemaker(i: int) -> list[Message]:
    """A captured call in CSV."""
    text = ",".join(map(str, VALUES))
    sides = {"endpointInput": {"data": text, "encoding": "CSV"}, "endpointOutput": {"data": "0.25", "encoding": "CSV"}}
    return [
        ({"captureData": sides, "eventMetadata": {"eventId": f"q{i}", "inferenceTime": "2026-11-26T11:59:30Z"}}, {})
    ]


ROWS = {"feature_names": NAMES}
CASES: dict[str, tuple[Callable[[int], list[Message]], int, dict[str, Any]]] = {
    "canonical": (canonical, 1, {"shape": "canonical"}),
    "fields": (
        fields,
        1,
        {
            "shape": "fields",
            "fields": {
                "model": "meta.model",
                "prediction_id": "meta.id",
                "predicted_at": {"path": "meta.at", "unit": "ms"},
                "score": "p",
                "features": "input",
            },
        },
    ),
    "cloudevents": (cloudevents, 1, {"shape": "cloudevents"}),
    "kserve": (kserve, 1, {"shape": "kserve", "inference": ROWS}),
    "kserve, 100 rows": (kserve_100, 100, {"shape": "kserve", "inference": ROWS}),
    "seldon-v1": (seldon, 1, {"shape": "seldon-v1"}),
    "open-inference": (open_inference, 1, {"shape": "open-inference"}),
    "bentoml": (bentoml, 1, {"shape": "bentoml", "records": {"model": "churn", "score": "p"}}),
    "sagemaker-capture": (sagemaker, 1, {"shape": "sagemaker-capture", "inference": {"model": "churn", **ROWS}}),
}


def measure(make: Callable[[int], list[Message]], n_rows: int, settings: dict[str, Any], n_runs: int) -> float:
    """Seconds of processor time an event, joined halves included."""
    sent = [one for i in range(N // n_rows) for one in make(i)]
    n = len(sent)
    messages = Messages(
        topic="events",
        partition=0,
        role="prediction",
        offsets=list(range(n)),
        payloads=[json.dumps(body).encode() for body, _ in sent],
        received_at=[AT * 1_000_000] * n,
        keys=[None] * n,
        headers=[[(name, value.encode()) for name, value in headers.items()] for _, headers in sent],
    )
    limits = Limits()
    stages = make_stages(Formats(predictions=msgspec.convert(settings, Format)))
    canonical_codec = JsonCodec([SCHEMA], limits)
    codec = AdaptingCodec(canonical_codec, stages, limits) if stages else canonical_codec
    seconds = []
    for _ in range(n_runs):
        began = time.process_time()
        n_events = run(codec, messages)
        seconds.append(time.process_time() - began)
        if n_events != N:
            raise RuntimeError(f"{n_events} events of {N}")
    return statistics.median(seconds) / N


def run(codec: AdaptingCodec | JsonCodec, messages: Messages) -> int:
    """Decode as the loop does, 2000 messages at a time, and join halves through the pipeline's own join."""
    from sentinel.pipeline.halves import HalfJoin
    from sentinel.pipeline.store.memory_store import MemoryJoinStore
    from sentinel.pipeline.tally import Tally

    waiting = HalfJoin(0, MemoryJoinStore(8), Tally())
    n_events = 0
    for start in range(0, len(messages.payloads), 2_000):
        part = slice(start, start + 2_000)
        columns = {
            name: getattr(messages, name)[part] for name in ("offsets", "payloads", "received_at", "keys", "headers")
        }
        decoded = codec.decode(Messages(messages.topic, 0, messages.role, **columns))
        completed, letters = waiting.take(decoded.halves)
        n_events += sum(map(len, decoded.predictions)) + sum(map(len, completed))
        if decoded.dead_letters or letters:
            raise RuntimeError(f"refused: {(decoded.dead_letters or letters)[0].detail}")
    return n_events


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_REPEATS} runs of each, not {REPEATS}")
    options = parser.parse_args(arguments)
    for name, case in CASES.items():
        seconds = measure(*case, QUICK_REPEATS if options.quick else REPEATS)
        print(f"{name:18} {seconds * 1e6:6.1f} us", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
