"""The README files beside what is deployed: their links lead somewhere."""

from __future__ import annotations

import re

import pytest

from tests.support import tools

READMES = ("deploy/README.md", "helm/sentinel/README.md")


@pytest.mark.parametrize("name", READMES)
def test_links_lead_somewhere(name: str) -> None:
    """Each relative link names a file or folder of the repository."""
    document = tools.ROOT / name
    links = re.findall(r"\[[^\]]*\]\(([^)\s]+)\)", document.read_text(encoding="utf-8"))
    assert links
    for link in links:
        assert (document.parent / link).resolve(strict=True).is_relative_to(tools.ROOT), link
