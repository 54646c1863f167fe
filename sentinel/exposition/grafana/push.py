"""Puts the dashboards into a Grafana: a folder if need be, then each board that differs from what is there."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any, Final, NamedTuple

from sentinel import __version__
from sentinel.exposition.grafana.client import GrafanaClient, Verb
from sentinel.exposition.grafana.errors import GrafanaError, Reason
from sentinel.exposition.grafana.retry import with_retries

_GRAFANAS_OWN: Final = ("id", "version", "iteration")
"""What Grafana sets by itself in a dashboard."""


class Pushed(NamedTuple):
    """One board.

    Attributes
    ----------
    uid, url : str
    changed : bool
        False where Grafana had it already.
    """

    uid: str
    url: str
    changed: bool


class Push:
    """Writes boards into one folder of one Grafana.

    Parameters
    ----------
    client : GrafanaClient
    folder : str
        Its title.
    sleep : callable
        Waits between attempts.
    random : Random
    """

    def __init__(self, client: GrafanaClient, folder: str, sleep: Callable[[float], object], random: Random) -> None:
        self._client = client
        self._title = folder
        self._sleep = sleep
        self._random = random

    def boards(self, files: Mapping[str, str]) -> Iterator[Pushed]:
        """Push them one after the other.

        Parameters
        ----------
        files : mapping of file name to JSON

        Raises
        ------
        GrafanaError
            At the first that fails; those before it are there.
        """
        folder = self._folder()
        for text in files.values():
            board = json.loads(text)
            uid = board["uid"]
            known = self._find(f"/dashboards/uid/{uid}")
            changed = known is None or not _same(known, board, folder)
            if changed:
                body = {"dashboard": {**board, "id": None}, "folderUid": folder, "overwrite": True,
                        "message": f"sentinel {__version__}"}  # fmt: skip
                self._call("POST", "/dashboards/db", body)
            yield Pushed(uid, f"{self._client.url}/d/{uid}", changed)

    def _folder(self) -> str:
        """The uid of the folder: by our uid, else a new one, else the one that has that title already."""
        uid = re.sub(r"[^a-z0-9]+", "-", self._title.lower()).strip("-")[:40] or "sentinel"
        if self._find(f"/folders/{uid}") is not None:
            return uid
        try:
            made = self._call("POST", "/folders", {"uid": uid, "title": self._title})
        except GrafanaError as error:
            if error.reason is not Reason.CONFLICT:
                raise
            return self._folder_of_that_title(uid, error)
        return str(_mapping(made).get("uid", uid))

    def _folder_of_that_title(self, uid: str, refusal: GrafanaError) -> str:
        """Somebody made it in the meantime, or by hand under another uid."""
        if self._find(f"/folders/{uid}") is not None:
            return uid
        found = self._call("GET", "/folders", query={"limit": "1000"})
        folders = [_mapping(each) for each in found] if isinstance(found, list) else []
        for each in folders:
            if each.get("title") == self._title:
                return str(each["uid"])
        raise refusal

    def _find(self, path: str) -> dict[str, Any] | None:
        try:
            return _mapping(self._call("GET", path))
        except GrafanaError as error:
            if error.reason is Reason.NOT_FOUND:
                return None
            raise

    def _call(self, verb: Verb, path: str, body: Any = None, query: Mapping[str, str | list[str]] | None = None) -> Any:
        return with_retries(lambda: self._client.call(verb, path, body, query), self._sleep, self._random)


def _mapping(answer: Any) -> dict[str, Any]:
    return answer if isinstance(answer, dict) else {}


def _same(known: Mapping[str, Any], board: Mapping[str, Any], folder: str) -> bool:
    """Whether Grafana has this board in this folder, but for what it sets by itself."""
    there = _mapping(known.get("dashboard"))
    stored, wanted = ({k: v for k, v in each.items() if k not in _GRAFANAS_OWN} for each in (there, board))
    return stored == wanted and _mapping(known.get("meta")).get("folderUid") == folder
