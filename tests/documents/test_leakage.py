"""The example of the page on leakage prints what it shows, and its words quote the report that it writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.documents.fences import ROOT
from tests.documents.transcripts import Terminal, untrue

PAGE = "docs/explanation/leakage.md"


@pytest.mark.slow
def test_the_example_of_leakage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Copies cost .149, no feature has moved, and the estimate without them is as quoted."""
    assert untrue(PAGE, Terminal(tmp_path, monkeypatch, capsys)) == []
    report = json.loads((tmp_path / "duplicates" / "report.json").read_text(encoding="utf-8"))
    (gap,) = (f["gap"] for f in report["findings"] if (f["metric"], f["slice"]) == ("auc", "all"))
    (repaired,) = (c["corrected"]["value"] for c in report["counterfactuals"] if c["name"] == "duplicates")
    moved = max(feature["drift"]["excess_psi"] for feature in report["features"])
    words = " ".join((ROOT / PAGE).read_text(encoding="utf-8").split())
    assert f"{gap:.3f} AUC worse than promised".removeprefix("0") in words
    assert f"less its mean by chance, is {moved:.3f}".replace("0.", ".") in words
    assert f"{repaired:.3f} in the example above".removeprefix("0") in words
