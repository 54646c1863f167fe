"""`sentinel dashboards push`: a folder, every board, nothing twice, and one line for what goes wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentinel import cli
from sentinel.cli.dashboards import TOKEN_VARIABLE
from sentinel.exposition.dashboards import BOARDS, files
from sentinel.exposition.grafana import retry
from tests.support.grafana import TOKEN, Failure, FakeGrafana

UIDS = {board.uid for board in BOARDS}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGrafana]:
    """An empty Grafana, and attempts that follow each other at once."""
    monkeypatch.setattr(retry, "FIRST_SECONDS", 0.0)
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    with FakeGrafana() as grafana:
        yield grafana


@pytest.fixture
def token(tmp_path: Path) -> str:
    """A file with the token, as an editor leaves it."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return str(file)


def push(fake: FakeGrafana, *more: str) -> int:
    """Run the command."""
    return cli.main(["dashboards", "push", "--url", fake.url, *more])


def test_a_first_push_makes_folder_and_boards(
    fake: FakeGrafana, token: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every board lies in the folder as it is checked in, under its uid, and is printed with its address."""
    assert push(fake, "--token-file", token) == 0
    assert fake.folders == {"sentinel": "Sentinel"}
    assert set(fake.boards) == UIDS
    for text in files().values():
        board = json.loads(text)
        stored = fake.boards[board["uid"]]
        assert stored["meta"]["folderUid"] == "sentinel"
        assert {k: v for k, v in stored["dashboard"].items() if k not in ("id", "version")} == {
            k: v for k, v in board.items() if k != "version"
        }
    printed = capsys.readouterr().out.splitlines()
    assert f"sentinel-model: pushed {fake.url}/d/sentinel-model" in printed
    assert len(printed) == len(BOARDS)


def test_a_second_push_changes_nothing(fake: FakeGrafana, token: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is there already is left alone; what was edited, or moved to another folder, is put right."""
    assert push(fake, "--token-file", token) == 0
    fake.boards["sentinel-model"]["dashboard"]["title"] = "mine"
    fake.folders["other"] = "Other"
    fake.boards["sentinel-data"]["meta"]["folderUid"] = "other"
    capsys.readouterr()
    assert push(fake, "--token-file", token) == 0
    printed = capsys.readouterr().out
    assert printed.count("unchanged") == len(BOARDS) - 2
    assert "sentinel-model: pushed" in printed
    assert "sentinel-data: pushed" in printed
    assert fake.boards["sentinel-model"]["dashboard"]["title"] == "Sentinel / Model"
    assert fake.boards["sentinel-data"]["meta"]["folderUid"] == "sentinel"


def test_a_folder_of_that_title_is_used(fake: FakeGrafana, token: str) -> None:
    """One that somebody made by hand has another uid."""
    fake.folders["adf1"] = "ML / Watch"
    assert push(fake, "--token-file", token, "--folder", "ML / Watch") == 0
    assert fake.folders == {"adf1": "ML / Watch"}
    assert {each["meta"]["folderUid"] for each in fake.boards.values()} == {"adf1"}


def test_a_folder_that_is_refused_is_told(fake: FakeGrafana, token: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Grafana says that it is there, and it is not: what it said comes through, and no board is pushed."""
    for answers in ([], [Failure(status=200, body=b"[]")], [Failure(status=200, body=b'{"x": 1}')]):
        missing = Failure(status=404, body=b"{}")
        fake.failures.extend([missing, Failure(status=412, body=b'{"message": "taken"}'), missing, *answers])
        assert push(fake, "--token-file", token) == 1
        assert "status 412: taken" in capsys.readouterr().err
        assert fake.boards == {}


def test_a_lost_answer_does_no_harm(fake: FakeGrafana, token: str) -> None:
    """The folder was made but the answer got lost: the next attempt finds it."""
    fake.failures.extend([Failure(status=404, body=b"{}"), Failure(cut=True, after=True)])
    assert push(fake, "--token-file", token) == 0
    assert fake.folders == {"sentinel": "Sentinel"}
    assert set(fake.boards) == UIDS


def test_answers_may_be_empty(fake: FakeGrafana, token: str) -> None:
    """A proxy that turns answers into 204 is no failure."""
    fake.empty_answers = True
    assert push(fake, "--token-file", token) == 0
    assert set(fake.boards) == UIDS


def test_trouble_that_passes_is_waited_out(fake: FakeGrafana, token: str) -> None:
    """Throttled, failing and cut off in turn: pushed in the end."""
    fake.failures.extend([Failure(status=429), Failure(status=503), Failure(cut=True)])
    assert push(fake, "--token-file", token) == 0
    assert set(fake.boards) == UIDS


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (Failure(status=403, body=b'{"message": "Access denied"}'), "give the service account the right"),
        (Failure(status=500, body=b"boom"), "status 500: boom"),
        (Failure(status=200, body=b"<html>"), "is it a Grafana that answers there"),
    ],
)
def test_trouble_that_stays_is_one_line(
    fake: FakeGrafana, token: str, failure: Failure, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 1, what Grafana said, and what to do; never the token."""
    fake.always = failure
    assert push(fake, "--token-file", token) == 1
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert TOKEN not in printed.err + printed.out


def test_the_token_may_come_from_the_environment(fake: FakeGrafana, monkeypatch: pytest.MonkeyPatch) -> None:
    """As CI jobs have it."""
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    assert push(fake) == 0


def test_a_configuration_says_where_and_flags_win(fake: FakeGrafana, token: str, tmp_path: Path) -> None:
    """Address, token and folder of the section `grafana`; --folder over it."""
    config = tmp_path / "sentinel.yaml"
    section = f"grafana: {{url: '{fake.url}', token_file: token, folder: Ours}}\n"
    config.write_text('apiVersion: sentinel/v1\nmodels:\n  - {name: churn, version: "7"}\n' + section)
    assert cli.main(["dashboards", "push", "--config", str(config)]) == 0
    assert fake.folders == {"ours": "Ours"}
    assert cli.main(["dashboards", "push", "--config", str(config), "--folder", "Theirs"]) == 0
    assert {each["meta"]["folderUid"] for each in fake.boards.values()} == {"theirs"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["push"], "which Grafana?"),
        (["push", "--url", "http://127.0.0.1:1"], "a token is needed"),
        (["push", "--url", "http://127.0.0.1:1", "--token-file", "/none"], "the token cannot be read"),
        (["push", "--config", "configs/minimal.yaml"], "has no section `grafana`"),
        (["push", "--url", "nowhere", "--token-file", "TOKEN"], "is not an http or https address"),
    ],
)
def test_what_is_missing_is_told(
    arguments: list[str], said: str, token: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Status 1 and one line."""
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    given = [token if argument == "TOKEN" else argument for argument in arguments]
    assert cli.main(["dashboards", *given]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["--output", "x", "push", "--url", "http://g"]])
def test_one_thing_at_a_time(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Arguments that make no sense are a usage error."""
    assert cli.main(["dashboards", *arguments]) == 2
    assert "usage: sentinel dashboards" in capsys.readouterr().err
