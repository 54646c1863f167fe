"""Servers that tests share, and the line that says which Kafka broker a run used.

Under xdist all workers share one broker: the first worker that asks starts it, a file in the run's folder
tells the others, and it ends after its last user (`tests.support.kafka_shared`). Tests keep apart by topic
and group names (`tests.support.kafka_broker.unique_name`); one that stops a broker starts its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.support.kafka_broker import KafkaBroker
    from tests.support.prometheus import PrometheusStack

settings.register_profile("shared", deadline=None)  # two workers on a shared machine: time says nothing of the code
settings.load_profile("shared")

# The run's folder, made by the process that the user started and handed to the workers that it starts.
_RUN_FOLDER = "SENTINEL_TEST_RUN_FOLDER"


class StartPrometheusStack(Protocol):
    """What the fixture `prometheus_stack` gives; `tests.support.prometheus.start_stack` explains it."""

    def __call__(
        self,
        targets: Mapping[str, Sequence[str]],
        rule_files: Sequence[Path] = (),
        alertmanager_config: Mapping[str, Any] | None = None,
    ) -> PrometheusStack:
        """Start one more stack for the session."""


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    """Make the run's folder; let kafka-python read its schemas with functions that Python 3.11 deprecates."""
    config.addinivalue_line("filterwarnings", "ignore:(read|open)_text is deprecated:DeprecationWarning")
    if not _is_worker(config):
        os.environ[_RUN_FOLDER] = tempfile.mkdtemp(prefix="sentinel-tests-")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the run's folder."""
    if not _is_worker(config):
        shutil.rmtree(os.environ.pop(_RUN_FOLDER), ignore_errors=True)


def pytest_report_header() -> str:
    """Say where a broker would come from."""
    strict = os.environ.get("SENTINEL_REQUIRE_REAL_KAFKA") == "1"
    last = "else an error (SENTINEL_REQUIRE_REAL_KAFKA=1)" if strict else "else a mock"
    return f"kafka: SENTINEL_TEST_KAFKA, else Apache Kafka by Maven, else by Docker, {last}; used: see the end"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which broker was used, once it has gone."""
    if not any(Path(os.environ[_RUN_FOLDER]).iterdir()):
        return
    from tests.support.kafka_shared import wait_for_end

    used = wait_for_end(Path(os.environ[_RUN_FOLDER]))
    if used is not None:
        mock = used.startswith("NOT A REAL BROKER")
        terminalreporter.write_sep("=", used, red=mock, green=not mock, bold=True)


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[KafkaBroker]:
    """The run's broker, shared with all other tests and workers; never stop or restart it."""
    from tests.support.kafka_shared import join_broker

    broker, leave = join_broker(Path(os.environ[_RUN_FOLDER]))
    try:
        yield broker
    finally:
        leave()


@pytest.fixture(scope="session")
def prometheus_programs() -> None:
    """Skip without Prometheus and Alertmanager; an error when ``SENTINEL_REQUIRE_SERVERS=1``."""
    from tests.support.prometheus import missing_binaries

    missing = missing_binaries()
    if missing:
        reason = f"not on the path: {', '.join(missing)}"
        if os.environ.get("SENTINEL_REQUIRE_SERVERS") == "1":
            pytest.fail(f"SENTINEL_REQUIRE_SERVERS=1, but {reason}", pytrace=False)
        pytest.skip(f"Prometheus and Alertmanager are needed; {reason}")


@pytest.fixture(scope="session")
def prometheus_stack(
    prometheus_programs: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartPrometheusStack]:
    """Start a Prometheus, Alertmanager and webhook for the session; each call makes its own in 6 s."""
    from tests.support.prometheus import start_stack

    with ExitStack() as stops:

        def start(
            targets: Mapping[str, Sequence[str]],
            rule_files: Sequence[Path] = (),
            alertmanager_config: Mapping[str, Any] | None = None,
        ) -> PrometheusStack:
            scratch = tmp_path_factory.mktemp("prometheus")
            return start_stack(stops, scratch, targets, rule_files, alertmanager_config)

        yield start
