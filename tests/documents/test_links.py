"""Links between documents, and from them to files and sections, lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.documents.fences import DOCUMENTS, ROOT, named

_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def _anchors(document: Path) -> set[str]:
    """Headings as a forge makes anchors of them."""
    prose = _FENCE.sub("", document.read_text(encoding="utf-8"))
    kept = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(prose))
    return {heading.strip().replace(" ", "-") for heading in kept}


def _links(document: Path) -> list[str]:
    prose = _FENCE.sub("", document.read_text(encoding="utf-8"))
    return [link for link in _LINK.findall(prose) if not re.match(r"[a-z]+:", link)]


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_lead_somewhere(document: Path) -> None:
    """Every relative link names a file or folder of the repository, and a heading of it where it names one."""
    for link in _links(document):
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{named(document)}: {link}"
        assert target.is_relative_to(ROOT), f"{named(document)}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in _anchors(target), f"{named(document)}: {link}"


def test_every_document_is_listed() -> None:
    """The index of the documents names each tutorial, explanation, how-to, reference and design note."""
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / link.partition("#")[0]).resolve() for link in _links(index)}
    folders = ("tutorial", "explanation", "how-to", "reference", "design")
    missing = [d for name in folders for d in sorted((ROOT / "docs" / name).glob("*.md")) if d not in listed]
    assert missing == []
