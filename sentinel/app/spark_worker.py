"""What runs on Spark's executors: messages to partitions of the shuffle, and partitions into the counts."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec
import pyarrow as pa

from sentinel.app.models import Key, WatchedModel
from sentinel.app.sources import make_codec
from sentinel.config.settings import Config, Source
from sentinel.config.web import Web
from sentinel.errors import FatalError
from sentinel.ingest.spark.rows import Routing, by_partition, events_of, route
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.versioned.counting import count_batch
from sentinel.pipeline.versioned.files import VersionFiles, storage
from sentinel.pipeline.versioned.opened import Place

_LOGIN = ("sasl_", "ssl_", "security_protocol")
"""How the settings of a login begin."""
Batches = Iterable[pa.RecordBatch]

if TYPE_CHECKING:
    from sentinel.ingest.spark.session import Shared


@dataclass(frozen=True, slots=True)
class Planned:
    """The part of a watched model that counting needs; its baseline stays with the driver."""

    plan: ModelPlan


@dataclass(frozen=True, slots=True)
class Job:
    """What every executor is told, once.

    Parameters
    ----------
    id : str
        Of the state that is counted into; keeps the working copies of two jobs on one machine apart.
    config : Config
        Without logins: executors decode and count.
    plans : tuple of ModelPlan
    n_partitions : int
    state : str
        Path or URI that every executor reaches.
    row_bytes : int
    """

    id: str
    config: Config
    plans: tuple[ModelPlan, ...]
    n_partitions: int
    state: str
    row_bytes: int


def without_logins(config: Config) -> Config:
    """The configuration as executors get it: Spark's own source logs in to Kafka, and nothing else does.

    What decoding needs stays: a schema registry's login, and the key of the hashes.
    """
    if config.source is None or config.source.kafka is None:
        raise FatalError("source.kafka is missing: the Spark job reads from Kafka")
    login = [each for each in msgspec.structs.fields(config.source.kafka) if each.name.startswith(_LOGIN)]
    defaults = {each.name: _default(each) for each in login}
    kafka = msgspec.structs.replace(config.source.kafka, **defaults)
    return msgspec.structs.replace(config, web=Web(), grafana=None, source=Source(kafka=kafka))


def _default(field: msgspec.structs.FieldInfo) -> object:
    return field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()


def files_of(state: str, partition: int) -> VersionFiles:
    """The versions of one partition of the shuffle."""
    filesystem, directory = storage(state)
    return VersionFiles(filesystem, f"{directory}/partitions/{partition:05d}")


def routing_of(shared: Shared[Job]) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """The function that says where messages belong."""

    def routed(batches: Batches) -> Iterator[pa.RecordBatch]:
        routing = _routing(shared)
        for rows in batches:
            if rows.num_rows:
                yield route(rows, routing)

    return routed


def counting_of(
    shared: Shared[Job], batch: int, outcomes_behind: bool
) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """The function that counts one batch."""

    def counted(batches: Batches) -> Iterator[pa.RecordBatch]:
        job, routing = shared.value, _routing(shared)
        for part, some in by_partition(batches):
            done = count_batch(
                _place(job, part),
                part,
                batch,
                job.plans,
                (events_of(rows, part, routing) for rows in some),
                outcomes_behind=outcomes_behind,
            )
            yield pa.RecordBatch.from_pydict(
                {
                    "part": pa.array([done.partition], pa.int32()),
                    "events": [done.n_events],
                    "refused": [done.n_refused],
                    "repeated": [done.repeated],
                    "cpu_seconds": [done.cpu_seconds],
                }
            )

    return counted


@lru_cache(maxsize=1)  # Spark keeps its Python processes from task to task
def _routing(shared: Shared[Job]) -> Routing:
    job = shared.value
    kafka = job.config.source.kafka if job.config.source else None
    if kafka is None:
        raise FatalError("source.kafka is missing")
    models = {plan.key: Planned(plan) for plan in job.plans}
    codec = make_codec(job.config, cast("dict[Key, WatchedModel]", models))
    return Routing(codec, {kafka.topics.predictions: "prediction", kafka.topics.outcomes: "outcome"}, job.n_partitions)


def _place(job: Job, partition: int) -> Place:
    # A folder of the user's own, which nobody else reads: rows that wait hold what was predicted.
    local = Path(tempfile.gettempdir()) / f"sentinel-spark-{os.getuid()}" / job.id / f"{partition:05d}"
    return Place(files_of(job.state, partition), local, job.row_bytes, int(job.config.state.max_bytes))
