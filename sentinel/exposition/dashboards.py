"""The Grafana dashboards: what `sentinel dashboards` writes and pushes; alerts link to them by their uid."""

from __future__ import annotations

from typing import Final

from sentinel.exposition.boards.daemon import DAEMON
from sentinel.exposition.boards.data import DATA
from sentinel.exposition.boards.features import FEATURES
from sentinel.exposition.boards.fleet import FLEET
from sentinel.exposition.boards.model import MODEL
from sentinel.exposition.boards.slices import SLICES
from sentinel.exposition.dashboard_json import to_json
from sentinel.exposition.panels import Board

BOARDS: Final[tuple[Board, ...]] = (FLEET, MODEL, SLICES, FEATURES, DATA, DAEMON)


def files() -> dict[str, str]:
    """What belongs into the folder ``dashboards``: the text of each file by its name."""
    return {f"{board.uid}.json": to_json(board) for board in BOARDS}
