"""The site has every document, each once, and its links lead somewhere within it."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from tests.documents.fences import ROOT, load

DOCS = ROOT / "docs"


def test_every_document_is_in_the_navigation() -> None:
    """`nav` in mkdocs.yml names each page of docs/ once, and none that is not there."""
    text = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    named = re.findall(r"(\S+\.md)$", text, re.MULTILINE)
    assert sorted(named) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    """What mkdocs calls while it builds."""
    return load(DOCS / "hooks.py")


def _page(path: str) -> SimpleNamespace:
    return SimpleNamespace(file=SimpleNamespace(src_uri=Path(path).as_posix()))


@pytest.mark.parametrize(
    ("repository", "link"),
    [
        (None, "the image (`deploy/Dockerfile`)"),
        ("https://example.org/s/", "[the image](https://example.org/s/blob/main/deploy/Dockerfile)"),
    ],
)
def test_links_out_of_the_documents_are_named_or_linked(hooks: ModuleType, repository: str | None, link: str) -> None:
    """A file outside of docs/ is named where nobody knows an address of the repository, else linked there."""
    config = {"extra": {"repository": repository}}
    text = "See [the image](../../deploy/Dockerfile), [here](#a), [b](b.md#c) and [all](../runbooks/).\n"
    made = hooks.on_page_markdown(text, page=_page("how-to/helm.md"), config=config, files=None)
    assert made == f"See {link}, [here](#a), [b](b.md#c) and [all](../runbooks/README.md).\n"


def test_fenced_blocks_are_left_alone(hooks: ModuleType) -> None:
    """What looks like a link or a nested list within a fenced block stays as it is; outside the list nests."""
    text = "- a\n\n  b\n\n```\n  [x](../../y)\n```\n"
    made = hooks.on_page_markdown(text, page=_page("how-to/a.md"), config={"extra": {}}, files=None)
    assert made == "- a\n\n    b\n\n```\n  [x](../../y)\n```\n"


@pytest.mark.parametrize(
    "tag", ['<script src="https://cdn.example.org/a.js">', '<link rel="x" href="//fonts.example.org/a.css">']
)
def test_nothing_is_fetched_from_elsewhere(hooks: ModuleType, tag: str) -> None:
    """A page that would load a script or a style of another host fails the build; a link to click does not."""
    harmless = '<a href="https://example.org">there</a><script src="assets/a.js"></script>'
    assert hooks.on_post_page(harmless, page=_page("a.md"), config=None) == harmless
    with pytest.raises(ValueError, match="fetched from elsewhere"):
        hooks.on_post_page(harmless + tag, page=_page("a.md"), config=None)
