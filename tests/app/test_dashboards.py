"""The dashboards on a real Prometheus that scrapes a daemon fed with the demonstration's stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pytest

from sentinel.app.daemon import Daemon
from sentinel.app.models import Key, WatchedModel
from sentinel.app.sources import make_codec
from sentinel.clock import SystemClock
from sentinel.config import load_config
from sentinel.config.settings import Config
from sentinel.exposition.dashboards import BOARDS
from sentinel.exposition.declarations import METRICS
from sentinel.exposition.panels import Board
from sentinel.ingest.memory import MemorySource
from tests.app.conftest import CONFIG, TrainedWorld
from tests.conftest import StartPrometheusStack
from tests.exposition.queries import choose, empty_queries, queries
from tests.support.process import PATIENCE_SECONDS, wait_until
from tests.support.prometheus import PrometheusServer

pytestmark = pytest.mark.servers

N_STEPS = 4

# What this stream cannot show, by board: the panel, the legend, and why. Everything else has data.
_REPAIR = "the target leak is one feature's, and no repair of the offline estimate is known for it"
_ONE_PROCESS = "one process counts and judges, so there is no summaries topic"
_NO_POSTS = "events come from a source in memory, and none is posted"
EMPTY: Mapping[str, Mapping[tuple[str, str], str]] = {
    "sentinel-model": {
        ("What a repair explains", "without {{repair}}"): _REPAIR,
        ("The AUC after a repair", "without {{repair}}"): _REPAIR,
    },
    "sentinel-features": {
        ("Values written after the prediction", "{{feature}}, {{side}}"): "the events bring no feature times",
        ("Values that were served otherwise", "{{feature}}"): "no value is recomputed afterwards",
    },
    "sentinel-daemon": {
        ("Log events", "{{level}} {{event}}"): "nothing goes wrong, so nothing is counted",
        ("Counts on their way", "{{instance}}"): _ONE_PROCESS,
        ("Records of counts", "{{result}}"): _ONE_PROCESS,
        ("Partitions whose counts are judged", "{{instance}}"): _ONE_PROCESS,
        ("Partitions that move", "rebuilding, {{instance}}"): _ONE_PROCESS,
        ("Partitions that move", "fenced, {{instance}}"): _ONE_PROCESS,
        ("Events missed", "removed from {{topic}}"): "a source in memory has no retention",
        ("Events missed", "short rebuilds, {{instance}}"): _ONE_PROCESS,
        ("Events missed", "altered by the disk, {{instance}}"): _NO_POSTS,
        ("Since counts were published", "{{instance}}"): _ONE_PROCESS,
        ("Counts that were not published", "{{instance}}"): _ONE_PROCESS,
        ("Failures", "posted events, {{instance}}"): _NO_POSTS,
        ("Events posted", "{{result}}"): _NO_POSTS,
        ("Requests that post", "{{result}}"): _NO_POSTS,
        ("Log of accepted events", "taken, {{instance}}"): _NO_POSTS,
        ("Log of accepted events", "limit, {{instance}}"): _NO_POSTS,
        ("Time to write posts", "half"): _NO_POSTS,
        ("Time to write posts", "99 of 100"): _NO_POSTS,
    },
}


@pytest.fixture(scope="module")
def scraped(
    world: TrainedWorld, prometheus_stack: StartPrometheusStack, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PrometheusServer]:
    """A Prometheus that saw the month go by, in steps, until every outcome was joined and judged."""
    scratch = tmp_path_factory.mktemp("daemon")
    config = scratch / "sentinel.yaml"
    config.write_text(CONFIG.format(baseline=world.baseline, state=scratch / "state"))
    sources: list[MemorySource] = []

    def source(settings: Config, models: Mapping[Key, WatchedModel]) -> MemorySource:
        sources.append(MemorySource(make_codec(settings, models)))
        return sources[-1]

    daemon = Daemon(lambda: load_config(config), source, SystemClock())
    daemon.start()
    try:
        host, port = daemon.address
        prometheus = prometheus_stack({"sentinel": [f"{host}:{port}"]}).prometheus
        _feed(world, sources[0], prometheus)
        n_outcomes = sum(event.kind == "outcome" for event in world.queue)
        joined = f'max(sentinel_model_events{{result="joined"}}) == {n_outcomes}'
        wait_until(lambda: bool(prometheus.query(joined)), PATIENCE_SECONDS, "every outcome in a report")
        named = 'sentinel_verdict{cause="target_leakage"} == 1'
        wait_until(lambda: bool(prometheus.query(named)), PATIENCE_SECONDS, "the verdict")
        yield prometheus
    finally:
        daemon.stop()


def _feed(world: TrainedWorld, source: MemorySource, prometheus: PrometheusServer) -> None:
    """Publish the events in steps, each seen by a scrape of its own, so that counters rise before its eyes."""
    size = -(-len(world.queue) // N_STEPS)
    for start in range(0, len(world.queue), size):
        for event in world.queue[start : start + size]:
            assert source.publish(event.kind, event.key, event.payload, event.at_us)
        done = min(start + size, len(world.queue))
        read = f"sum(sentinel_events_total) >= {done}"
        wait_until(_holds(prometheus, read), PATIENCE_SECONDS, f"a scrape after {done} events")


def _holds(prometheus: PrometheusServer, promql: str) -> Callable[[], bool]:
    return lambda: bool(prometheus.query(promql))


@pytest.mark.parametrize("board", BOARDS, ids=[board.uid for board in BOARDS])
def test_every_query_has_data(
    board: Board, scraped: PrometheusServer, record_testsuite_property: Callable[[str, object], None]
) -> None:
    """Every query of every panel gives a number; those that cannot on this stream are listed, and none too many."""
    chosen = choose(board, scraped)
    assert chosen.get("model", "churn") == "churn"
    empty = empty_queries(board, scraped, chosen)
    record_testsuite_property(f"queries_of_{board.uid}", len(list(queries(board))))
    assert set(empty) == set(EMPTY.get(board.uid, {}))


def test_the_numbers_are_the_reports(scraped: PrometheusServer) -> None:
    """The planted leak is what the fleet's table and the model's page show."""
    (verdict,) = scraped.query('max by (model, version, cause) (sentinel_verdict{job=~".+"}) == 1')
    assert verdict["metric"] == {"model": "churn", "version": "1", "cause": "target_leakage"}
    (lower,) = scraped.query('max(sentinel_gap_lower{model="churn",metric="auc",slice="all"})')
    assert float(lower["value"][1]) > 0.0


def test_what_is_scraped_is_declared(scraped: PrometheusServer) -> None:
    """No series of sentinel's that the table of metrics does not know."""
    names = set(scraped.api("label/__name__/values"))
    declared = {metric.name for metric in METRICS}
    parts = {f"{metric.name}{part}" for metric in METRICS for part in ("_bucket", "_sum", "_count")}
    assert {name for name in names if name.startswith("sentinel_")} <= declared | parts
