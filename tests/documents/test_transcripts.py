"""The commands that tutorial and how-to guides show with their output are run, and print what is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel.cli import main
from sentinel.cli.demo import SEED
from tests.documents.fences import ROOT, blocks
from tests.documents.transcripts import Terminal, missing, transcript, untrue

Capture = pytest.CaptureFixture[str]
TUTORIAL = "docs/tutorial/first-verdict.md"
TUNING = "docs/how-to/tune-alerts.md"


def _configuration(document: str) -> str:
    """The one configuration that a document shows."""
    (shown,) = (b.text for b in blocks("yaml") if b.document == ROOT / document and "apiVersion:" in b.text)
    return shown


@pytest.fixture(scope="module")
def demonstration(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the demonstration, with its baseline."""
    folder = tmp_path_factory.mktemp("demonstration")
    assert main(["simulate", "--scenario", "target_leakage", "--seed", str(SEED), "--output", str(folder)]) == 0
    files = [f"--{name}={folder / name}.parquet" for name in ("train", "validation")]
    described = [f"--config={folder / 'sentinel.yaml'}", f"--manifest={folder / 'manifest.yaml'}", "--quiet"]
    assert main(["baseline", "build", *files, *described, f"--output={folder / 'churn.baseline'}"]) == 0
    return folder


@pytest.mark.slow
def test_the_tutorial(demonstration: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Its second half, from the files on, prints what it shows; the demonstration itself has a test of its own."""
    (demonstration / "declared.yaml").write_text(_configuration(TUTORIAL), encoding="utf-8")
    terminal = Terminal(demonstration, monkeypatch, capsys)
    assert untrue(TUTORIAL, terminal) == []


@pytest.mark.slow
def test_the_page_on_tuning(demonstration: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """Both ways to try a setting, and the priors, print what it shows; so do the rows of its table."""
    plain = (demonstration / "sentinel.yaml").read_text(encoding="utf-8")
    (demonstration / "tuned.yaml").write_text(f"{plain}    alerts: {{tolerance: 0.05}}\n", encoding="utf-8")
    (demonstration / "priors.yaml").write_text(_configuration(TUNING), encoding="utf-8")
    terminal = Terminal(demonstration, monkeypatch, capsys)
    assert untrue(TUNING, terminal) == []
    page = (ROOT / TUNING).read_text(encoding="utf-8")
    for setting in ("tolerance: 0.05", "alpha: 0.001", "tau: 0.02", "tau: 0.1"):
        (demonstration / "other.yaml").write_text(f"{plain}    alerts: {{{setting}}}\n", encoding="utf-8")
        said = terminal.said("sentinel baseline show churn.baseline --config other.yaml")
        assert said is not None
        (auc,) = (line.split() for line in said.splitlines() if line.startswith("auc "))
        assert f"| `{setting}` | {float(auc[5]):.3f} |".replace("| 0.", "| .") in page


@pytest.mark.slow
def test_the_page_on_simulation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """From a cause to a verdict, in an empty folder."""
    assert untrue("docs/how-to/simulate.md", Terminal(tmp_path, monkeypatch, capsys)) == []


@pytest.mark.slow
def test_the_page_on_drift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    """The demonstration leaves a state, of which references are promoted and refused as shown."""
    world = ["--scenario", "covariate_drift", "--directory", str(tmp_path), "--seconds", "5", "--exit"]
    assert main(["demo", *world, "--listen", "127.0.0.1:0"]) == 0
    assert untrue("docs/how-to/accept-drift.md", Terminal(tmp_path, monkeypatch, capsys)) == []


@pytest.mark.parametrize(
    ("lines", "lacking"),
    [
        (("a", "b"), None),
        (("a", "...", "d"), None),
        (("...", "c", "d", "..."), None),
        (("a", "c"), "\na\nc\n"),
        (("d", "...", "a"), "\na\n"),
        (("b c",), "\nb c\n"),
    ],
)
def test_lines_are_compared_in_order_and_unbroken(lines: tuple[str, ...], lacking: str | None) -> None:
    """Only an ellipsis lets lines be left out, and nothing lets them change places."""
    assert missing(lines, "a\nb\nc\nd\n") == lacking


def test_a_continued_command_is_one() -> None:
    """The build of the page on simulation is one command, with what it prints."""
    (build,) = (shown for shown in transcript("docs/how-to/simulate.md") if "baseline build" in shown.command)
    assert "\n" not in build.command
    assert build.command.endswith("--output churn.baseline --quiet")
    assert build.lines[0].startswith("wrote churn.baseline (")
