"""``sentinel benchmark``: the scoreboard, a trained scorecard that loads, and every fault in one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel import cli
from sentinel.diagnosis.scorecard import load
from sentinel.simulation import collection, training
from sentinel.simulation.runner import Watched
from sentinel.simulation.trials import GENERATORS, HELD_OUT, TrialPlan

Capture = pytest.CaptureFixture[str]


def _benchmark(*arguments: str | Path) -> int:
    return cli.main(["benchmark", "--processes", "1", *map(str, arguments)])


def _refuse(plan: TrialPlan) -> Watched:
    pytest.fail(f"played {plan.generator}")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scorecard of one stream a generator."""
    path = tmp_path_factory.mktemp("trained") / "scorecard.json"
    assert _benchmark("--train", path, "--trials", "1") == 0
    return path


def test_a_trained_scorecard_loads(trained: Path) -> None:
    """It is whole, sealed, and says what it was trained on: every generator but the one held out."""
    card = load(trained.read_bytes())
    assert card.digest in trained.read_text("utf-8")
    assert sum(card.prior.values()) == pytest.approx(1.0)
    for name in GENERATORS:
        assert (f'"{name}"' in trained.read_text("utf-8")) is (name != HELD_OUT)


def test_the_scoreboard_is_printed(
    tmp_path: Path, trained: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """Two streams of the held-out generator give all parts of the table, again from the cache, by another scorecard."""
    cache = tmp_path / "cache"
    assert _benchmark("--trials", "2", "--cache", cache) == 0
    first = capsys.readouterr()
    assert first.out.startswith(f"generator {HELD_OUT}, held out of training; scorecard ")
    for part in ("2 streams, 6 looks", "Verdicts at the end of the stream: ", "Insufficient evidence at the end: ",
                 "Truth (rows) and verdict (columns) at the end", "Gap alarm, by cause and severity: ",
                 "Streams in which nothing is wrong: ", "Onset of a later gap: "):  # fmt: skip
        assert f"\n{part}" in first.out
    assert first.err == ""
    monkeypatch.setattr(collection, "run_trial", _refuse)
    assert _benchmark("--trials", "2", "--cache", cache) == 0
    assert capsys.readouterr().out == first.out
    assert _benchmark("--trials", "2", "--cache", cache, "--scorecard", trained) == 0
    assert load(trained.read_bytes()).digest in capsys.readouterr().out.splitlines()[0]


def _only_line(capsys: Capture) -> str:
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1, output.err
    assert output.err.startswith("sentinel: ")
    return output.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--trials", "0"), "--trials is a whole number of 1 or more, not 0\n"),
        (("--processes", "0"), "--processes is a whole number of 1 or more, not 0\n"),
        (("--seed", "-1"), "--seed is a whole number of 0 or more, not -1\n"),
        (("--train", "{tmp}/gone/out.json"), "{tmp}/gone/out.json: cannot be written: there is no such folder\n"),
        (("--train", "{tmp}"), "{tmp}: cannot be written: it is a folder\n"),
        (("--scorecard", "{tmp}/gone.json"), "{tmp}/gone.json: cannot be read: No such file or directory\n"),
        (("--scorecard", "{tmp}/no.json"), "{tmp}/no.json: the scorecard cannot be read: "),
        (("--cache", "{tmp}/gone/cache"), "{tmp}/gone/cache: cannot write the cache: No such file or directory\n"),
        (("--cache", "{tmp}/no.json"), "{tmp}/no.json: is damaged, of another version or no cache of streams: "),
    ],
)
def test_arguments_that_make_no_sense(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """One line says what is wrong, before a stream is played, and no file is changed."""
    monkeypatch.setattr(collection, "run_trial", _refuse)
    other = tmp_path / "no.json"
    other.write_text("[1]")
    assert _benchmark("--trials", "1", *(argument.format(tmp=tmp_path) for argument in arguments)) == 1
    assert _only_line(capsys).startswith(f"sentinel: {message.format(tmp=tmp_path)}")
    assert [path.name for path in tmp_path.iterdir()] == ["no.json"]
    assert other.read_text() == "[1]"


def test_nothing_to_learn_from_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Streams that all stay short of the gate train nothing and write nothing."""
    monkeypatch.setattr(training, "runs_of", lambda _: iter(()))
    monkeypatch.setattr(collection, "collect", lambda *_, **__: iter(()))
    assert _benchmark("--trials", "2", "--train", tmp_path / "out.json") == 1
    assert "in none of 6 streams is there a gap to learn from" in _only_line(capsys)
    assert list(tmp_path.iterdir()) == []
