"""``sentinel explain --config``: the reports of the daemon that runs, in words, or one line that says why not."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentinel import cli
from sentinel.diagnosis.words import explain
from tests.exposition.reports import full_report
from tests.exposition.served import Served
from tests.support.process import free_port

CONFIG = 'apiVersion: sentinel/v1\nmodels:\n  - {{name: churn, version: "7"}}\nweb: {{listen: "{listen}"}}\n'
REPORTS = (full_report("churn", "7"), full_report("churn", "8"), full_report("a/b c", "ü"))
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A server with three reports, one of a model whose name has to be escaped."""
    with Served() as server:
        server.reports = REPORTS
        yield server


def _explain(folder: Path, listen: str, *more: str) -> int:
    path = folder / "sentinel.yaml"
    path.write_text(CONFIG.format(listen=listen))
    return cli.main(["explain", "--config", str(path), *more])


@pytest.mark.parametrize(
    ("choice", "places"),
    [
        ([], [0, 1, 2]),
        (["--model", "churn"], [0, 1]),
        (["--version", "8"], [1]),
        (["--model", "a/b c", "--version", "ü"], [2]),
    ],
)
def test_the_chosen_reports_are_explained(
    served: Served, tmp_path: Path, capsys: Capture, choice: list[str], places: list[int]
) -> None:
    """Each chosen report is told as its file would be, an empty line between two."""
    assert _explain(tmp_path, served.address, *choice) == 0
    assert capsys.readouterr().out == "\n".join(explain(REPORTS[place]) for place in places)


def test_a_page_is_written_of_one_report(served: Served, tmp_path: Path, capsys: Capture) -> None:
    """``--html`` writes the chosen report as a page, and refuses more than one."""
    path = tmp_path / "page.html"
    assert _explain(tmp_path, served.address, "--version", "8", "--html", str(path)) == 0
    assert "<title>target leakage: churn 8</title>" in path.read_text(encoding="utf-8")
    capsys.readouterr()
    assert _explain(tmp_path, served.address, "--html", str(tmp_path / "other.html")) == 1
    assert _only_line(capsys) == ("sentinel: a page holds one report, not 3: choose one with --model and --version\n")
    assert _explain(tmp_path, served.address, "--version", "8", "--html", str(tmp_path / "no" / "page.html")) == 1
    assert "cannot write" in _only_line(capsys)


def test_a_daemon_that_listens_everywhere_is_asked_here(
    served: Served, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """0.0.0.0 is no address to connect to, and a proxy of the environment has no part in it."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert _explain(tmp_path, f"0.0.0.0:{served.server.port}", "--version", "7") == 0
    assert capsys.readouterr().out == explain(REPORTS[0])


def _only_line(capsys: Capture) -> str:
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    return output.err


def test_an_unknown_model_is_told_with_those_there_are(served: Served, tmp_path: Path, capsys: Capture) -> None:
    """Whoever mistypes a version sees the choice."""
    listen = served.address
    assert _explain(tmp_path, listen, "--version", "9") == 1
    expected = f"no report fits --model * --version 9; http://{listen} has churn 7, churn 8, a/b c ü"
    assert _only_line(capsys) == f"sentinel: {expected}\n"


def test_no_daemon_is_one_line(tmp_path: Path, capsys: Capture) -> None:
    """Where nobody listens the address is told, and what starts a daemon."""
    listen = f"127.0.0.1:{free_port()}"
    assert _explain(tmp_path, listen) == 1
    line = _only_line(capsys)
    assert line.startswith(f"sentinel: no daemon answers at http://{listen}/api/v1/models: ")
    assert line.endswith("; `sentinel run` starts one\n")


def test_port_zero_cannot_be_asked(tmp_path: Path, capsys: Capture) -> None:
    """A daemon on any free port is not found by its configuration."""
    assert _explain(tmp_path, "127.0.0.1:0") == 1
    assert "web.listen has port 0" in _only_line(capsys)


class _Stranger(http.server.BaseHTTPRequestHandler):
    """Something else that listens on the port: a page, an error, or half an answer, by the server's ``body``."""

    def do_GET(self) -> None:
        """Answer with the server's status and body, whatever is asked."""
        status, body, length = self.server.answer  # type: ignore[attr-defined] # set by the test
        self.send_response(status)
        self.send_header("Content-Length", str(length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((200, b"<html>", 6), "is no sentinel of this version"),
        ((200, b'{"models": [{"model": "m", "version": "1"}]}', 44), "is no sentinel of this version"),
        ((404, b"", 0), "answers 404 Not Found"),
        ((200, b"{", 100), "no daemon answers at"),
    ],
)
def test_a_stranger_on_the_port_is_one_line(
    tmp_path: Path, capsys: Capture, answer: tuple[int, bytes, int], words: str
) -> None:
    """Another program's answer is never a traceback."""
    with http.server.HTTPServer(("127.0.0.1", 0), _Stranger) as server:
        server.answer = answer  # type: ignore[attr-defined] # handed to the handler
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            assert _explain(tmp_path, f"127.0.0.1:{server.server_port}") == 1
        finally:
            server.shutdown()
            thread.join()
    assert words in _only_line(capsys)


@pytest.mark.parametrize("arguments", [[], ["--report", "r.json", "--config", "c.yaml"]])
def test_one_of_file_and_daemon_has_to_be_named(arguments: list[str], capsys: Capture) -> None:
    """Neither or both is the caller's fault."""
    assert cli.main(["explain", *arguments]) == 2
    assert "usage" in capsys.readouterr().err


def test_a_file_has_nothing_to_choose_from(capsys: Capture) -> None:
    """--model with --report would be ignored, so it is refused."""
    assert cli.main(["explain", "--report", "r.json", "--model", "m"]) == 1
    assert "a file holds one" in _only_line(capsys)
