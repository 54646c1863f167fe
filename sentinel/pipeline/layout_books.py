"""What one partition has counted, by layout: the panes, and what of them the last commit lacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from sentinel.pipeline.checkpoint import CheckpointMeta, pane_name, put_panes, read_panes
from sentinel.pipeline.plan import ModelPlan
from sentinel.pipeline.store.protocol import JoinStore
from sentinel.summaries.algebra import Summary
from sentinel.summaries.layout import Layout
from sentinel.summaries.panes import PaneBook, PaneSeries


class LayoutBooks:
    """The panes of the configured layouts, and the numbers that layouts have in the rows of a store.

    A layout keeps its number for as long as the store lives, configured or not: rows and panes carry it.

    Parameters
    ----------
    store : JoinStore
        Restored from; written to by :meth:`save`, within the caller's transaction.
    plans : iterable of ModelPlan
        One for each (model, version).
    stored : CheckpointMeta, optional
        What the store says of its last commit; None in a new one.

    Attributes
    ----------
    plans : dict of layout number to ModelPlan
        The configured ones.
    books : dict of layout number to PaneBook
        Likewise; counted into by the caller.
    names : dict of layout number to (model, version)
        Of all that the store has seen.
    numbers : dict of layout digest to layout number
        Likewise.

    Raises
    ------
    CorruptArtifactError
        If a stored pane cannot be read.
    """

    def __init__(self, store: JoinStore, plans: Iterable[ModelPlan], stored: CheckpointMeta | None) -> None:
        self._store = store
        self.plans: dict[int, ModelPlan] = {}
        self.books: dict[int, PaneBook] = {}
        self.numbers: dict[str, int] = {} if stored is None else stored.layouts
        self.names: dict[int, tuple[str, str]] = {} if stored is None else stored.names
        self._widths: dict[int, int] = {} if stored is None else stored.widths
        self._published: dict[int, dict[int, Summary]] = defaultdict(dict)
        self._unsaved: dict[int, set[int]] = defaultdict(set)
        self._vanished: dict[int, set[int]] = defaultdict(set)
        for plan in plans:
            number = self.numbers.setdefault(plan.layout.digest, len(self.numbers))
            self.plans[number] = plan
            self.names[number] = plan.key
            self.books[number] = self._restored(number, plan)

    @property
    def widths(self) -> dict[str, int]:
        """Pane width of each layout, in microseconds by its digest, as of the last :meth:`save`."""
        return {digest: self._widths[n] for digest, n in self.numbers.items() if n in self._widths}

    def stored_pane(self, layout: Layout, start: int) -> bytes | None:
        """A pane as the checkpoint holds it."""
        return self._store.get_state(pane_name(self.numbers[layout.digest], start))

    def publish(self) -> dict[tuple[str, str], PaneSeries]:
        """Freeze what changed and give out all panes, by (model, version), for evaluation on another thread."""
        series = {}
        for number, book in self.books.items():
            changed, dropped = book.take_changes()
            frozen = self._published[number]
            for start in dropped:
                frozen.pop(start, None)
            frozen.update({start: pane.freeze() for start, pane in changed.items()})
            self._unsaved[number] = (self._unsaved[number] | changed.keys()) - dropped
            self._vanished[number] = (self._vanished[number] | dropped) - changed.keys()
            panes = tuple(sorted(frozen.items()))
            series[self.plans[number].key] = PaneSeries(book.layout, book.width_us, panes)
        return series

    def save(self) -> None:
        """Write what was published and not committed into the open transaction; the caller commits."""
        for number, frozen in self._published.items():
            unsaved = {start: frozen[start] for start in self._unsaved[number]}
            put_panes(self._store, number, unsaved, self._vanished[number])
        self._widths |= {number: book.width_us for number, book in self.books.items()}

    def note_commit(self) -> None:
        """What was saved is durable."""
        self._unsaved.clear()
        self._vanished.clear()

    def meta(
        self, positions: dict[str, int], watermark: int, *, expired_until: int, joined_until: int
    ) -> CheckpointMeta:
        """The checkpoint's small part; times in microseconds since the epoch, UTC."""
        return CheckpointMeta(positions, watermark, self.numbers, self.names, self._widths, expired_until, joined_until)

    def _restored(self, number: int, plan: ModelPlan) -> PaneBook:
        book = PaneBook(plan.layout, plan.pane_width_us, plan.max_panes)
        for start, pane in read_panes(self._store, number, plan.layout):
            book.restore(start, self._widths.get(number, plan.pane_width_us), pane)
        self._published[number] = {start: pane.freeze() for start, pane in book}
        return book
