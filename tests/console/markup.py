"""A page as a test reads it: its elements, identifiers, headings, links and words."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset({"meta", "link", "br", "img", "hr", "input"})


@dataclass
class Page(HTMLParser):
    """What is in the page; tags that do not match are faults."""

    text: str
    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._open: list[str] = []
        self.feed(self.text)
        self.close()
        self.faults += [f"<{tag}> is not closed" for tag in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in _VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element without content, as SVG has them."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        """It must end the element that is open."""
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"</{tag}> ends another element at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        """Words outside of style and script."""
        if not {"style", "script"} & set(self._open):
            self.words.append(data)

    @property
    def ids(self) -> list[str]:
        """Identifiers."""
        return [attributes["id"] for _, attributes in self.elements if "id" in attributes]

    @property
    def headings(self) -> list[int]:
        """Levels of the headings, in order."""
        return [int(tag[1]) for tag, _ in self.elements if tag in ("h1", "h2", "h3", "h4")]

    def values(self, *names: str) -> list[str]:
        """Values of attributes of these names."""
        return [attributes[name] for _, attributes in self.elements for name in names if name in attributes]

    def count(self, tag: str) -> int:
        """Elements of a name."""
        return sum(each == tag for each, _ in self.elements)

    @property
    def seen(self) -> str:
        """All words, with single spaces."""
        return " ".join(" ".join(self.words).split())
