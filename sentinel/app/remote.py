"""The reports of a daemon that runs, read over its HTTP interface."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from urllib.parse import quote

import msgspec

from sentinel.diagnosis.report import Report, from_json
from sentinel.errors import CorruptArtifactError, FatalError, SourceError

TIMEOUT_SECONDS = 10.0
_ON_THIS_MACHINE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 # asked there where it listens everywhere
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the address is ours: no proxy in between


class _Entry(msgspec.Struct):
    model: str
    version: str


class _ModelList(msgspec.Struct):
    models: list[_Entry]


def fetch_reports(
    address: tuple[str, int],
    model: str | None = None,
    version: str | None = None,
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> list[Report]:
    """The newest reports of a daemon.

    Parameters
    ----------
    address : (host, port)
        Where it listens.
    model, version : str, optional
        Only of these.
    timeout_seconds : float, > 0
        For each answer.

    Returns
    -------
    list of Report, at least one, in the daemon's order

    Raises
    ------
    SourceError
        If no daemon answers.
    CorruptArtifactError
        If what answers is no sentinel of this version.
    FatalError
        If there is no such report, or the address has no port.
    """
    host, port = address
    if port == 0:
        raise FatalError("web.listen has port 0, so the daemon's port is unknown: configure one")
    host = _ON_THIS_MACHINE.get(host, host)
    base = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    url = f"{base}/api/v1/models"
    try:
        known = msgspec.json.decode(_get(url, timeout_seconds), type=_ModelList).models
        chosen = [entry for entry in known if model in (None, entry.model) and version in (None, entry.version)]
        if not chosen:
            names = ", ".join(f"{entry.model} {entry.version}" for entry in known) or "none yet"
            raise FatalError(f"no report fits --model {model or '*'} --version {version or '*'}; {base} has {names}")
        reports = []
        for entry in chosen:
            url = f"{base}/api/v1/models/{quote(entry.model, safe='')}/{quote(entry.version, safe='')}/report"
            reports.append(from_json(_get(url, timeout_seconds)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptArtifactError(f"{url} is no sentinel of this version: {error}") from error
    return reports


def _get(url: str, timeout_seconds: float) -> bytes:
    try:
        with _OPENER.open(url, timeout=timeout_seconds) as response:
            return bytes(response.read())
    except urllib.error.HTTPError as error:
        with error:
            raise SourceError(f"{url} answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        raise SourceError(f"no daemon answers at {url}: {reason}; `sentinel run` starts one") from error
