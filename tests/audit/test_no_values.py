"""No value leaves an audit: planted ones are searched for in everything that comes out of it."""

from __future__ import annotations

import logging
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
import pytest
import yaml

from sentinel import cli
from sentinel.audit.findings import AuditReport
from sentinel.audit.report.document import read_report, to_json
from sentinel.baseline.artifact import KIND
from sentinel.summaries import wire
from sentinel.summaries.layout import Layout
from tests.audit.markers import KINDS, MANIFEST, NUMBERS, PREFIX, found_in, marked_rows

CONFIG = """\
apiVersion: sentinel/v1
models:
  - name: churn
    version: "7"
    audit:
      text: [complaint]
      images: [photo]
      embeddings: [voice]
      attributions: {amount: shap_amount}
      known_at: {amount: known_at}
"""
FAILING = """\
def model(*frames):
    raise ValueError(f"could not convert string to float: {frames[-1]['plan'].iloc[0]!r}")

def words(*frames):
    return frames[-1]["plan"]
"""
EXPECTED = ("copies", "single_features", "constant_columns", "schema_differences")
"""Checks that have to find something in these rows: a search in an empty report proves nothing."""


@dataclass(frozen=True)
class Outputs:
    """All that a run left."""

    terminal: bytes
    logs: bytes
    page: bytes
    json: bytes
    report: AuditReport


def _audit(folder: Path, *more: str) -> tuple[Path, Path]:
    page, document = folder / "audit.html", folder / "audit.json"
    files = [f"--{name}={folder / name}.parquet" for name in ("train", "validation")]
    inputs = [f"--config={folder / 'sentinel.yaml'}", *files, f"--manifest={folder / 'manifest.yaml'}"]
    outputs = [f"--html={page}", f"--json={document}", "--propose-split", *more]
    assert cli.main(["audit", *inputs, *outputs]) == 0
    return page, document


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The marked rows as files."""
    made = tmp_path_factory.mktemp("marked")
    train, validation = marked_rows()
    train.to_parquet(made / "train.parquet", index=False)
    validation.to_parquet(made / "validation.parquet", index=False)
    (made / "sentinel.yaml").write_text(CONFIG, encoding="utf-8")
    (made / "manifest.yaml").write_text(yaml.safe_dump(dict(MANIFEST)), encoding="utf-8")
    return made


@pytest.fixture
def outputs(folder: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Outputs:
    """One audit with everything that it can write, its logs at their most talkative."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, "sentinel")
    page, document = _audit(folder)
    shown = capfd.readouterr()
    return Outputs(
        terminal=(shown.out + shown.err).encode(),
        logs=caplog.text.encode(),
        page=page.read_bytes(),
        json=document.read_bytes(),
        report=read_report(document),
    )


def test_no_value_is_in_any_output(outputs: Outputs) -> None:
    """Neither the terminal, nor the logs, nor the JSON, nor the page holds a planted value in any usual form."""
    found = {check.name for check in outputs.report.checks if check.state == "found"}
    assert found >= set(EXPECTED)
    for name in ("terminal", "logs", "json", "page"):
        assert found_in(getattr(outputs, name)) == [], name
    assert to_json(outputs.report) == outputs.json  # every number in it can be read back


def test_values_are_on_the_page_alone_when_asked_for(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """With --show-values the page has them, and nothing else has."""
    page, document = _audit(folder, "--show-values")
    shown = capfd.readouterr()
    assert {repr(f"{PREFIX}pid".encode()), repr(f"{PREFIX}grp".encode())} <= set(found_in(page.read_bytes()))
    assert found_in(document.read_bytes()) == []
    assert found_in((shown.out + shown.err).encode()) == []


@pytest.mark.parametrize("made", ["model", "words"])
@pytest.mark.parametrize("option", ["--fit-with", "--score-with"])
def test_what_a_model_complains_of_is_not_passed_on(
    option: str, made: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Errors of a model quote values: the lines that the command prints say where it failed, and quote nothing."""
    (folder / "failing.py").write_text(FAILING, encoding="utf-8")
    monkeypatch.delitem(sys.modules, "failing", raising=False)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [*sys.path])  # the command looks for modules in the working directory
    files = [f"--{name}={name}.parquet" for name in ("train", "validation")]
    options = ["--check=resplit_by_time", "--check=single_features", f"{option}=failing:{made}", "--propose-split"]
    assert cli.main(["audit", "--config=sentinel.yaml", *files, *options]) == cli.EXIT_FAILED
    shown = capfd.readouterr()
    assert f"failed: {option}: " in shown.err
    assert found_in((shown.out + shown.err).encode()) == []


def test_the_baseline_holds_but_what_is_declared(
    folder: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """Of all values a baseline keeps words of categorical features and edges of bins, as documented, and no others."""
    caplog.set_level(logging.DEBUG)
    path = folder / "churn.baseline"
    files = [f"--{name}={folder / name}.parquet" for name in ("train", "validation")]
    inputs = [f"--config={folder / 'sentinel.yaml'}", *files, f"--manifest={folder / 'manifest.yaml'}"]
    assert cli.main(["baseline", "build", *inputs, f"--output={path}"]) == 0
    shown = capfd.readouterr()
    assert found_in((shown.out + shown.err + caplog.text).encode()) == []
    header, arrays = wire.unpack(KIND, path.read_bytes())
    others = tuple(kind for kind in KINDS if kind not in ("cat", "new"))
    assert found_in(repr(header).encode(), kinds=others, numbers=False) == []
    layout = Layout.from_bytes(header["layout"])
    assert {name for name, _, words in layout.columns if words} == {"plan"}
    bare = msgspec.structs.replace(
        layout,
        columns=tuple((name, kind, ()) for name, kind, _ in layout.columns),
        features=tuple(msgspec.structs.replace(feature, edges=()) for feature in layout.features),
        slices=tuple(msgspec.structs.replace(spec, values=()) for spec in layout.slices),
    )
    assert found_in(repr(msgspec.to_builtins(bare)).encode()) == []
    assert found_in(repr(header["meta"]).encode()) == []
    assert found_in(b"".join(array.tobytes() for array in arrays.values())) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("written", ["{}", "<b>{}7</b>", '{{"x": "{}"}}'])
def test_the_search_finds_words(kind: str, written: str) -> None:
    """A planted word is found in any case, reversed, in hexadecimal, in two bytes a letter, and within base64."""
    word = f"{PREFIX}{kind}"
    for form in (word, word.upper(), word[::-1], word.encode().hex()):
        assert found_in(written.format(form).encode()) != []
    assert found_in(word.encode("utf-16-le")) != []


@pytest.mark.parametrize("value", NUMBERS.values())
def test_the_search_finds_numbers(value: float) -> None:
    """A planted number is found as it is, rounded, and grouped; a count or a share is not taken for one."""
    for form in (str(value), f"{value:,.2f}", f"{value:.4g}", f"{value:.0f}"):
        assert found_in(f"mean {form} of all".encode()) != []
    assert found_in(b"4,000 rows, 50.0%, AUC 0.8135") == []
