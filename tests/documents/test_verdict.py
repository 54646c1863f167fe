"""The page on the verdict names what there is: every signature, every cause, the settings that it quotes."""

from __future__ import annotations

import json

from sentinel.cli.benchmark import SEED
from sentinel.config.alerts import Alerts
from sentinel.diagnosis import quiet, second
from sentinel.diagnosis.proofs import (
    BACKFILL_P,
    BEYOND_DOUBT,
    FEWEST_TIMES,
    LEAST_AFTER,
    PROOF,
    RANGE_RISE,
    REPAIR_EVIDENCE,
)
from sentinel.diagnosis.report import Cause
from sentinel.diagnosis.scorecard import REACH
from sentinel.diagnosis.signatures import all_signatures
from sentinel.evaluation.launch import CONFIRMATION_FACTOR, LATER_SHARE
from sentinel.evaluation.stuck_scores import LEAST_BINS, NARROW, SPREAD, STANDS_OUT, STUCK
from sentinel.summaries.copied_outcomes import LEAST_PER_CLASS, LEAST_ROWS
from tests.documents.fences import ROOT

PAGE = (ROOT / "docs" / "explanation" / "verdict.md").read_text(encoding="utf-8")


def test_every_signature_is_explained() -> None:
    """Each module of signatures has a row in the table of the evidence."""
    unexplained = [name for name in all_signatures() if f"| `{name}` |" not in PAGE]
    assert unexplained == [], f"docs/explanation/verdict.md, The evidence: no row that begins with {unexplained}"


def test_every_cause_is_named() -> None:
    """Each cause that a verdict may have is on the page."""
    assert [cause.value for cause in Cause if f"`{cause.value}`" not in PAGE] == []


def test_quoted_settings_are_the_defaults() -> None:
    """The thresholds in the words of the page are those of the code."""
    alerts = Alerts()
    quoted = (alerts.tolerance, alerts.alpha, alerts.warn_alpha, alerts.minimum_outcomes, alerts.minimum_per_class)
    assert quoted == (0.02, 0.01, 0.05, 200, 30)
    assert (alerts.launch_outcomes, alerts.launch_per_class, alerts.tau + alerts.tolerance) == (1_000, 200, 0.07)
    assert (CONFIRMATION_FACTOR, LATER_SHARE, REACH, second.LEAST_PROBABILITY) == (4, 0.4, 4.0, 0.25)
    assert (round(PROOF, 4), round(REPAIR_EVIDENCE, 4)) == (3.912, 2.9957)  # ln 50 and ln 20
    assert (BEYOND_DOUBT, STUCK, SPREAD, NARROW, LEAST_BINS, STANDS_OUT) == (12.0, 0.95, 0.5, 0.05, 20, 4.0)
    assert (LEAST_ROWS, LEAST_PER_CLASS) == (100, 10)
    assert (BACKFILL_P, FEWEST_TIMES, LEAST_AFTER, RANGE_RISE) == (1e-4, 50, 0.01, 0.5)
    assert (quiet.LEAST_SERVED, quiet.LEAST_COVERAGE) == (50, 0.8)


def test_the_scoreboard_is_of_the_shipped_scorecard() -> None:
    """The page names its digest, the streams of each generator that it was trained on, and the seed of those judged."""
    file = json.loads((ROOT / "sentinel/diagnosis/scorecard.json").read_text(encoding="utf-8"))
    assert f"(digest `{file['digest']}`)" in PAGE
    assert f"{file['trained']['trials']} streams of each of the other three generators" in PAGE
    assert f"(seed {SEED}) on the shipped scorecard" in PAGE
