"""``sentinel explain --config`` of a daemon that speaks TLS and lets only those in who log in."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt
import pytest

from sentinel import cli
from sentinel.app.remote import Access, fetch_reports, own_token
from sentinel.config.secrets import Secret
from sentinel.config.web import Web
from sentinel.diagnosis.words import explain
from sentinel.errors import SourceError
from tests.exposition.certificates import Authority
from tests.exposition.reports import full_report
from tests.exposition.served import Served

REPORT = full_report("churn", "7")
READER, WRITER, WRONG = "r" * 40, "w" * 40, "x" * 40
PASSWORD = "pässword: with a colon"
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the authority's files and those of the daemon are."""
    return tmp_path_factory.mktemp("locked")


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Served]:
    """A locked server: one user, and two tokens of which the first may write."""
    authority = Authority(folder)
    certificate = authority.sign("server", san="IP:127.0.0.1")
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (folder / "web.yml").write_text(
        f"tls_server_config: {{cert_file: {certificate.cert}, key_file: {certificate.key}}}\n"
        f"basic_auth_users: {{alice: {hashed}}}\n"
    )
    (folder / "tokens").write_text(f"deploy {WRITER}\nscraper {READER}\n")
    web = Web(config_file=str(folder / "web.yml"), bearer_token_file=str(folder / "tokens"), writers=["deploy"])
    with Served(web=web, reports=(REPORT,)) as server:
        yield server


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests lends them no credentials."""
    monkeypatch.delenv("SENTINEL_TOKEN", raising=False)
    monkeypatch.delenv("SENTINEL_PASSWORD", raising=False)


def _explain(tmp_path: Path, served: Served, *more: str, files: tuple[str, ...] = ("web.yml", "tokens")) -> int:
    """Ask with the daemon's own configuration, or one without some of its files."""
    folder = Path(str(served.web.config_file)).parent
    lines = {"web.yml": f"  config_file: {folder}/web.yml\n", "tokens": f"  bearer_token_file: {folder}/tokens\n"}
    path = tmp_path / "sentinel.yaml"
    path.write_text(
        'apiVersion: sentinel/v1\nmodels:\n  - {name: churn, version: "7"}\n'
        f'web:\n  listen: "{served.address}"\n' + "".join(lines[name] for name in files)
    )
    if "tokens" in files:
        path.write_text(path.read_text() + "  writers: [deploy]\n")
    return cli.main(["explain", "--config", str(path), *more])


def _line(capsys: Capture) -> str:
    """The one line of a fault, which holds no secret."""
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert not any(secret in output.err for secret in (READER, WRITER, WRONG, PASSWORD))
    return output.err


def test_the_configuration_alone_opens_where_its_files_may_be_read(
    served: Served, folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    """TLS follows web.config_file, the token comes from web.bearer_token_file; only the authority has to be named."""
    assert _explain(tmp_path, served, "--ca-file", str(folder / "authority.pem")) == 0
    assert capsys.readouterr().out == explain(REPORT)


def test_the_token_of_a_reader_goes_before_that_of_a_writer(tmp_path: Path) -> None:
    """What is not needed is not sent, wherever it stands in the file; a writer's alone is better than none."""
    file = tmp_path / "tokens"
    file.write_text(f"deploy {WRITER}\nscraper {READER}\n")
    assert own_token(Web(bearer_token_file=str(file), writers=["deploy"])) == Secret(READER)
    assert own_token(Web(bearer_token_file=str(file), writers=["deploy", "scraper"])) == Secret(WRITER)
    assert own_token(Web(bearer_token_file=str(tmp_path / "gone"))) is None
    assert own_token(Web()) is None


@pytest.mark.parametrize("how", ["token file", "token variable", "password file", "password variable"])
def test_every_login_opens(
    served: Served, folder: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """From elsewhere, where none of the daemon's files is: an address, an authority, and a token or password."""
    (tmp_path / "token").write_text(f"# mine\n{READER}\n")
    (tmp_path / "password").write_text(f"{PASSWORD}\n", encoding="utf-8")
    arguments = ["--url", f"https://{served.address}/", "--ca-file", str(folder / "authority.pem")]
    if how == "token file":
        arguments += ["--token-file", str(tmp_path / "token")]
    elif how == "token variable":
        monkeypatch.setenv("SENTINEL_TOKEN", READER)
    elif how == "password file":
        arguments += ["--user", "alice", "--password-file", str(tmp_path / "password")]
    else:
        monkeypatch.setenv("SENTINEL_PASSWORD", PASSWORD)
        arguments += ["--user", "alice"]
    assert _explain(tmp_path, served, *arguments, files=()) == 0
    assert capsys.readouterr().out == explain(REPORT)


def test_a_refused_login_says_whose_it_was(
    served: Served, folder: Path, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without credentials the ways to give them are told, with wrong ones where they came from."""
    trusted = ["--ca-file", str(folder / "authority.pem")]
    assert _explain(tmp_path, served, *trusted, files=("web.yml",)) == 1
    assert "answers 401 Unauthorized: one has to log in; --token-file, $SENTINEL_TOKEN or --user" in _line(capsys)
    monkeypatch.setenv("SENTINEL_TOKEN", WRONG)
    assert _explain(tmp_path, served, *trusted) == 1
    assert "answers 401 Unauthorized: $SENTINEL_TOKEN opens nothing there" in _line(capsys)
    monkeypatch.setenv("SENTINEL_TOKEN", f"{WRONG}\r\nX: y")
    assert _explain(tmp_path, served, *trusted) == 1
    assert "$SENTINEL_TOKEN: holds no token, or more than one word" in _line(capsys)


def test_a_certificate_is_not_trusted_for_being_on_this_machine(
    served: Served, folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    """An unknown authority and another name are both refused, with the option that mends it; so is no certificate."""
    assert _explain(tmp_path, served) == 1
    assert "--ca-file names the authority that signed its certificate" in _line(capsys)
    trusted = ["--ca-file", str(folder / "authority.pem")]
    assert _explain(tmp_path, served, *trusted, "--url", f"https://localhost:{served.server.port}") == 1
    line = _line(capsys)
    assert "localhost" in line
    assert "--url asks by a name that it holds" in line
    for name, reason in (("web.yml", "it holds no certificate"), ("nothing.pem", "No such file or directory")):
        assert _explain(tmp_path, served, "--ca-file", str(folder / name)) == 1
        assert f"{name}: {reason}" in _line(capsys)


def test_plain_and_encrypted_are_told_apart(served: Served, tmp_path: Path, capsys: Capture) -> None:
    """HTTP to a port with TLS, TLS to one without, and a web configuration file that is not there."""
    assert _explain(tmp_path, served, files=("tokens",)) == 1
    assert "--url https://HOST:PORT asks one that speaks TLS" in _line(capsys)
    with Served() as plain:
        assert _explain(tmp_path, served, "--url", f"https://{plain.address}") == 1
        assert "it does not speak TLS; http:// asks it" in _line(capsys)
    moved = tmp_path / "sentinel.yaml"
    moved.write_text(
        'apiVersion: sentinel/v1\nmodels:\n  - {name: churn, version: "7"}\nweb: {config_file: gone.yml}\n'
    )
    assert cli.main(["explain", "--config", str(moved)]) == 1
    assert "so whether the daemon speaks TLS is unknown: give --url, https://HOST:PORT" in _line(capsys)


@contextmanager
def _answering(status: int) -> Iterator[int]:
    """The port of a server that answers this status, and leads to a path where it would answer it again."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_answers_that_refuse_say_what_to_do() -> None:
    """421 names the setting that lists host names, and a redirection is not followed: it might lead anywhere."""
    answers = {421: "add this host name to web.allowed_hosts", 302: "answers 302 Found"}
    for status, words in answers.items():
        with _answering(status) as port:
            access = Access(base=f"http://127.0.0.1:{port}", authorization=Secret(f"Bearer {READER}"))
            with pytest.raises(SourceError, match=words):
                fetch_reports(access)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--url", "ftp://host"], "begins with http:// or https://"),
        (["--url", f"https://alice:{WRONG}@host"], "--url holds no user and no password"),
        (["--user", "alice"], "--user needs a password: --password-file or $SENTINEL_PASSWORD"),
        (["--password-file", "p"], "--password-file is for --user"),
        (["--url", "http://127.0.0.1:1", "--ca-file", "c"], "--ca-file is for TLS"),
    ],
)
def test_arguments_that_do_not_fit_are_one_line(
    served: Served, tmp_path: Path, capsys: Capture, arguments: list[str], words: str
) -> None:
    """Each names the argument to mend, and never quotes a password."""
    assert _explain(tmp_path, served, *arguments) == 1
    assert words in _line(capsys)


def test_a_file_is_asked_without_credentials(tmp_path: Path, capsys: Capture) -> None:
    """With --report they are the caller's mistake."""
    assert cli.main(["explain", "--report", str(tmp_path / "r.json"), "--user", "alice"]) == 1
    assert "--user is for a daemon that is asked" in _line(capsys)
