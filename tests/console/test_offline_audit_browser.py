"""The page of an offline audit in a browser: it fits every screen, asks for nothing, and everyone can read it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sentinel.api.settings import settings_of
from sentinel.audit.files.values import RowValues
from sentinel.audit.findings import AuditReport
from sentinel.console.offline_audit import render_audit_report
from tests.audit import reports
from tests.console.browser import Browser

AUDITS = {
    "whole": reports.whole(),
    "clean": reports.clean(),
    "bare": reports.bare(),
    "hostile": reports.hostile(),
    "long": reports.hostile("l" * 300),
    "not finite": reports.not_finite(),
}
VALUES: RowValues = {("validation", 0): {f"column_{at}": "x" * at for at in range(30)}}
_OPEN = "document.querySelectorAll('details').forEach(fold => { fold.open = true })"


def opened(browser: Browser, audit: AuditReport, folder: Path) -> str:
    """Open the page as a file, every part unfolded."""
    path = folder / "audit.html"
    model = settings_of("churn", "7", {})
    path.write_text(render_audit_report(audit, model=model, values=VALUES), encoding="utf-8")
    browser.open(path.as_uri())
    browser.run(_OPEN)
    return path.as_uri()


@pytest.mark.parametrize("name", AUDITS)
def test_the_page_fits_and_asks_for_nothing(browser: Browser, tmp_path: Path, name: str) -> None:
    """On a phone and on a desk, in the dark too: no complaint, no request, nothing wider than the screen."""
    for width, dark in ((390, False), (1280, True)):
        browser.view(width, dark=dark)
        address = opened(browser, AUDITS[name], tmp_path)
        assert browser.complaints() == []
        assert [url for url in browser.requests() if not url.startswith("data:")] == [address]
        assert browser.run("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("name", AUDITS)
def test_accessibility(browser: Browser, axe: str, tmp_path: Path, name: str) -> None:
    """Axe finds nothing wrong, folded parts included, in the light and in the dark."""
    browser.call("Page.setBypassCSP", enabled=True)
    try:
        for width, dark in ((1280, False), (390, True)):
            browser.view(width, dark=dark)
            opened(browser, AUDITS[name], tmp_path)
            browser.run(f"{axe}; 0")
            found: dict[str, Any] = browser.run(
                "axe.run(document).then(found => ({ passes: found.passes.length,"
                " violations: found.violations.map(v => [v.id, v.impact, v.nodes.map(n => n.html)]) }))"
            )
            assert found["violations"] == []
            assert found["passes"] > 10
    finally:
        browser.call("Page.setBypassCSP", enabled=False)
