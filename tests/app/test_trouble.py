"""What a daemon survives, and what it refuses: reloads that go wrong, models that go, state that is not its own."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from sentinel.app import daemon as daemon_module
from sentinel.errors import FatalError, StoreError
from tests.app.conftest import RunningDaemon, TrainedWorld
from tests.support.process import PATIENCE_SECONDS, wait_until

MakeDaemon = Callable[[], RunningDaemon]


def _predictions(running: RunningDaemon) -> int:
    return running.daemon.reports()[0].counts["predictions"]


def test_wide_model_can_be_taken_out(
    make_daemon: MakeDaemon, world: TrainedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the model with the widest rows goes, the stores keep their width and counting goes on."""
    running = make_daemon()
    with monkeypatch.context() as wider:
        wider.setattr("sentinel.app.collecting.row_bytes", lambda _: 256)
        running.daemon.start()
        running.publish(world.queue[:500])
        wait_until(lambda: _predictions(running) > 0, PATIENCE_SECONDS, "the first counts")
    running.daemon.reload()
    running.publish(world.queue)
    n_predictions = len(world.simulated.stream)
    wait_until(lambda: _predictions(running) == n_predictions, PATIENCE_SECONDS, "all predictions")
    assert running.daemon.failure is None


def test_reload_that_fails_unforeseen_keeps_the_old_graph(
    make_daemon: MakeDaemon, world: TrainedWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error that nobody thought of while building the new graph is reported; the old graph goes on."""
    running = make_daemon()
    running.daemon.start()

    def fail(_: object) -> None:
        raise ZeroDivisionError("odd")

    with monkeypatch.context() as broken:
        broken.setattr(daemon_module, "load_models", fail)
        with pytest.raises(FatalError, match="ZeroDivisionError: odd"):
            running.daemon.reload()
    assert not running.daemon.statistics().reload_ok
    running.publish(world.queue[:200])
    wait_until(lambda: _predictions(running) > 0, PATIENCE_SECONDS, "counting to go on")


def test_reload_lets_the_old_graph_go(make_daemon: MakeDaemon) -> None:
    """After a reload nothing of the graph before stays in memory."""
    running = make_daemon()
    running.daemon.start()
    assert running.daemon._graph is not None
    before = weakref.ref(running.daemon._graph)
    running.daemon.reload()
    assert before() is None


def test_state_directory_belongs_to_one_daemon(make_daemon: MakeDaemon) -> None:
    """A second daemon on the same state is refused at its start, and welcome once the first has stopped."""
    first, second = make_daemon(), make_daemon()
    first.daemon.start()
    with pytest.raises(StoreError, match="another daemon keeps its state here"):
        second.daemon.start()
    first.daemon.stop()
    second.daemon.start()


def test_state_directory_that_is_a_file_stops_the_start(make_daemon: MakeDaemon, tmp_path: Path) -> None:
    """State that cannot be kept is one clear error before anything runs."""
    (tmp_path / "state").write_text("in the way")
    with pytest.raises(StoreError, match=r"state: cannot keep state here: .*state\.directory"):
        make_daemon().daemon.start()
