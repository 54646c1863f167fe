"""What the tutorial, the README and the page on numbers show of the demonstration is what it says now."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentinel.cli import main
from sentinel.cli.demo import SEED
from sentinel.stats.bayes import anytime_interval, log_bayes_factor, minimum_detectable_gap
from tests.documents.fences import ROOT, blocks, load
from tests.documents.transcripts import missing

NUMBERS = ROOT / "docs/explanation/numbers.md"
SHOWN = {
    "README.md": ("Why\n",),
    "first-verdict.md": ("Verdict: target_leakage (",),
    "numbers.md": ("  - auc: ", "Where the gap comes from\n"),
}


def _shown() -> Iterator[tuple[str, tuple[str, ...]]]:
    """The lines of each output that is shown, with its document; an ellipsis stands for anything."""
    for block in blocks(""):
        if block.text.startswith(SHOWN.get(block.document.name, ("\0",))):
            yield block.document.name, tuple(block.text.splitlines())


def _causes_of_the_alert() -> dict[str, str]:
    """Causes and their percentages in the alert that the README quotes."""
    quoted = [
        line[2:] for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if line.startswith("> ")
    ]
    listed = " ".join(quoted).partition("Causes by probability: ")[2]
    return dict(re.findall(r"(\w+) ([\d.]+)%", listed))


@pytest.mark.slow
def test_what_is_shown_of_the_demonstration_is_what_it_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The scenario is written to files and replayed: what documents show of its verdict, and the picture, are of it."""
    data = tmp_path / "data"
    files = ["--config", str(data / "sentinel.yaml"), "--quiet"]
    baseline = str(tmp_path / "churn.baseline")
    build = ["--train", str(data / "train.parquet"), "--validation", str(data / "validation.parquet")]
    described = ["--manifest", str(data / "manifest.yaml"), "--output", baseline]
    assert main(["simulate", "--scenario", "target_leakage", "--seed", str(SEED), "--output", str(data)]) == 0
    assert main(["baseline", "build", *files, *build, *described]) == 0
    capsys.readouterr()
    report = tmp_path / "report.json"
    played = ["--stream", str(data / "stream.parquet"), "--report", str(report)]
    assert main(["replay", *files, "--baseline", baseline, *played]) == 0
    said = capsys.readouterr().out
    shown = list(_shown())
    assert {document for document, _ in shown} == set(SHOWN)
    assert [(document, lacking) for document, lines in shown if (lacking := missing(lines, said))] == []
    probabilities = json.loads(report.read_text(encoding="utf-8"))["verdict"]["probabilities"]
    quoted = _causes_of_the_alert()
    assert len(quoted) == 3
    assert quoted == {cause: f"{100 * probabilities[cause]:.4g}" for cause in quoted}  # as Prometheus rounds shares
    drawn = load(ROOT / "docs/picture.py").draw(json.loads(report.read_text(encoding="utf-8")))
    assert drawn == (ROOT / "docs/images/gap.svg").read_text(encoding="utf-8"), "python docs/picture.py draws it anew"


def test_the_example_of_the_numbers_computes() -> None:
    """The errors of both sides on the page give its log evidence, its bounds and its smallest gap."""
    variance = 0.007195**2 + 0.004098**2
    lower, upper = anytime_interval(0.13878, variance, tau=0.05)
    evidence = float(log_bayes_factor(0.13878, variance, tau=0.05, tolerance=0.02))
    detectable = float(minimum_detectable_gap(0.007195**2, 0.05, 0.01, 0.02))
    assert (round(float(lower), 3), round(float(upper), 3)) == (0.113, 0.165)
    assert (round(variance**0.5, 4), round(detectable, 3)) == (0.0083, 0.045)
    assert evidence - 1.0986 == pytest.approx(97.9, abs=0.05)  # less ln 3
    (code,) = (block.text for block in blocks("python") if block.document == NUMBERS)
    exec(compile(code, NUMBERS.name, "exec"), {})
