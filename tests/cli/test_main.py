"""The command line: exit statuses, one clear line, secrets kept."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sentinel import __version__, cli
from sentinel.cli.commands import COMMANDS, load
from sentinel.config.schema import config_schema
from sentinel.diagnosis.report import report_schema
from sentinel.errors import FatalError
from tests.support.process import PATIENCE_SECONDS

GOOD = 'apiVersion: sentinel/v1\nmodels:\n  - name: churn\n    version: "7"\n'
SECRET = (
    "source:\n  kafka:\n    bootstrap_servers: [localhost]\n    topics: {predictions: p, outcomes: o}\n"
    "    ssl_password: hunter2\n"
)


def _write(folder: Path, text: str) -> str:
    path = folder / "sentinel.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_says_what_it_does(name: str) -> None:
    """Every name has its module, with a sentence for the help."""
    assert load(name).HELP.endswith(".")


def test_no_command_is_left_out() -> None:
    """Each module of the package that offers help is on the command line."""
    modules = Path(cli.__file__).parent.glob("*.py")
    offered = {module.stem.replace("_", "-") for module in modules if "\nHELP = " in module.read_text(encoding="utf-8")}
    assert offered == set(COMMANDS)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """The version is that of the package."""
    assert cli.main(["version"]) == 0
    assert capsys.readouterr().out.startswith(f"sentinel {__version__} ")


def test_a_valid_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 0 and one line that says what it is about."""
    path = _write(tmp_path, GOOD)
    assert cli.main(["check-config", path]) == 0
    assert capsys.readouterr().out == f"{path}: valid; models: churn/7; source: none (files only)\n"


@pytest.mark.parametrize(("name", "source"), [("http", "http"), ("kafka", "kafka"), ("minimal", "none (files only)")])
def test_the_way_in_is_named(name: str, source: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The line says how events come, as the examples have it."""
    path = Path(__file__).parents[2] / f"configs/{name}.yaml"
    assert cli.main(["check-config", str(path)]) == 0
    assert capsys.readouterr().out.endswith(f"source: {source}\n")


def test_an_invalid_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 1, nothing on standard output, one line with the place on standard error."""
    path = _write(tmp_path, GOOD + "    alerts: {aplha: 1}\n")
    assert cli.main(["check-config", path]) == 1
    output = capsys.readouterr()
    fault = "models[0].alerts: unknown key 'aplha' (did you mean 'alpha'?)"
    assert (output.out, output.err) == ("", f"sentinel: {path}:5:14: {fault}\n")


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        (
            "config_file",
            "basic_auth_users:\n  alice: secret-word\n",
            ":2:10: basic_auth_users.alice: is not a bcrypt hash",
        ),
        ("config_file", "tls_server_config: {cert_file: c, key_file: k}\n", "cannot use certificate"),
        ("config_file", None, ": cannot read the web configuration: No such file or directory (web.config_file names"),
        ("bearer_token_file", "# who\nscraper short\n", ":2: a token has at least 16 characters"),
        (
            "bearer_token_file",
            None,
            ": cannot read the tokens: No such file or directory (a line of it is `name token`",
        ),
    ],
)
def test_what_guards_the_port_is_checked_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, content: str | None, fault: str
) -> None:
    """A fault in the web configuration file or the tokens has its place there, unless they are left out."""
    if content is not None:
        (tmp_path / "locks").write_text(content)
    path = _write(tmp_path, GOOD + f"web: {{{name}: locks}}\n")
    assert cli.main(["check-config", path]) == 1
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.count("\n") == 1
    assert fault in output.err
    assert "secret-word" not in output.err
    assert cli.main(["check-config", path, "--without-files"]) == 0


def test_what_reads_the_formats_is_checked_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A schema that is not there has its place, unless it is on another machine."""
    topics = "topics: {predictions: p, outcomes: o}"
    formats = "formats: {predictions: {encoding: avro, schema_file: event.avsc}}"
    source = f'source: {{kafka: {{bootstrap_servers: ["kafka:9092"], {topics}, {formats}}}}}\n'
    path = _write(tmp_path, GOOD + source)
    assert cli.main(["check-config", path]) == 1
    assert "event.avsc: cannot read the schema: No such file or directory" in capsys.readouterr().err
    assert cli.main(["check-config", path, "--without-files"]) == 0


def test_faults_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Another program gets the parts of the message apart."""
    path = _write(tmp_path, GOOD + "    alerts: {aplha: 1}\n")
    assert cli.main(["check-config", path, "--format", "json"]) == 1
    error = {
        "source": path,
        "line": 5,
        "column": 14,
        "path": "models[0].alerts",
        "message": "unknown key 'aplha'",
        "hint": "did you mean 'alpha'?",
    }
    assert json.loads(capsys.readouterr().out) == {"valid": False, "errors": [error]}


@pytest.mark.parametrize("form", ["text", "json"])
def test_show_keeps_secrets(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str) -> None:
    """What is in effect is printed with defaults and without passwords."""
    assert cli.main(["check-config", _write(tmp_path, GOOD + SECRET), "--show", "--format", form]) == 0
    output = capsys.readouterr().out
    assert "<secret>" in output
    assert "hunter2" not in output
    assert "checkpoint_interval" in output


def test_schema_of_the_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is the schema that the loader's types give."""
    assert cli.main(["schema", "config"]) == 0
    assert json.loads(capsys.readouterr().out) == config_schema()


def test_schema_of_the_report(capsys: pytest.CaptureFixture[str]) -> None:
    """What is printed is the schema that the report's types give."""
    assert cli.main(["schema", "report"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(report_schema()))


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (FatalError("the disk is full"), 1, "sentinel: the disk is full\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_how_a_command_may_end(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    status: int,
    line: str,
) -> None:
    """An error of ours is one line and status 1; Ctrl-C is quiet and 130."""

    def fail(args: object) -> int:
        raise error

    monkeypatch.setattr(load("version"), "run", fail)
    assert cli.main(["version"]) == status
    assert capsys.readouterr().err == line


@pytest.mark.parametrize(("arguments", "status"), [(["--help"], 0), (["--version"], 0), ([], 2), (["nonsense"], 2)])
def test_arguments(arguments: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Help and version succeed; no or unknown commands are the caller's fault."""
    assert cli.main(arguments) == status


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever asks for help sees each command of the table."""
    cli.main(["--help"])
    output = capsys.readouterr().out
    assert [name for name in COMMANDS if name not in output] == []


@pytest.mark.parametrize("name", ["schema", "version"])
def test_a_reader_that_goes_away(name: str) -> None:
    """A closed pipe ends the command with 141 and no traceback, be the output long or still buffered."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    command = [sys.executable, "-m", "sentinel", name]
    with os.fdopen(write_end, "wb") as pipe:
        ended = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, check=False, timeout=PATIENCE_SECONDS)
    assert (ended.returncode, ended.stderr) == (141, b"")


def test_version_imports_nothing_heavy() -> None:
    """`sentinel version` answers at once because it loads neither numbers, YAML nor the configuration."""
    code = "import sys; from sentinel.cli import main; main(['version']); print(*sys.modules)"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=PATIENCE_SECONDS
    )
    loaded = set(ended.stdout.split())
    assert not loaded & {"numpy", "pandas", "yaml", "msgspec", "sentinel.config", "sentinel.cli.schema"}
