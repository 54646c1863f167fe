"""The site: links to folders and out of docs/, nested lists, and nothing that is fetched from elsewhere."""

from __future__ import annotations

import posixpath
import re
from pathlib import PurePosixPath
from typing import Any

_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(((?!#|[a-z]+:)[^)\s#]+)(#[^)\s]*)?\)")
_FENCE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
_CONTINUED = re.compile(r"^ {2,3}(?=\S)", re.MULTILINE)

_FETCHED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>")


def on_post_page(output: str, *, page: Any, config: Any) -> str:
    """Refuse a page that a browser would fetch something for from elsewhere."""
    del config
    found = _FETCHED.search(output)
    if found is not None:
        raise ValueError(f"{page.file.src_uri}: fetched from elsewhere: {found[0]}")
    return output


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Rewrite the links of a page, outside of its fenced blocks."""
    del files
    here, address = PurePosixPath(page.file.src_uri).parent, config["extra"].get("repository")
    parts = _FENCE.split(markdown)
    prose = (_CONTINUED.sub("    ", _LINK.sub(lambda found: _link(found, here, address), each)) for each in parts[::2])
    return "".join(piece for pair in zip(prose, [*parts[1::2], ""], strict=True) for piece in pair)


def _link(found: re.Match[str], here: PurePosixPath, address: str | None) -> str:
    text, path, anchor = found[1], found[2], found[3] or ""
    target = posixpath.normpath((here / path).as_posix())
    if target.startswith("../"):
        target = target.removeprefix("../")
        return f"[{text}]({address.rstrip('/')}/blob/main/{target}{anchor})" if address else f"{text} (`{target}`)"
    if path.endswith("/"):
        return f"[{text}]({path}README.md{anchor})"
    return found[0]
