"""The reports of a daemon that runs, read over its HTTP interface."""

from __future__ import annotations

import http.client
import os
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from sentinel.config.secrets import Secret
from sentinel.config.tokens import load_tokens
from sentinel.config.web import Web
from sentinel.config.web_file import load_web_file
from sentinel.diagnosis.report import Report, from_json
from sentinel.errors import CorruptArtifactError, FatalError, SourceError
from sentinel.exposition.reports import path_of

TIMEOUT_SECONDS = 10.0
_ON_THIS_MACHINE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 # asked there where it listens everywhere
_UNAUTHORIZED, _MISDIRECTED = 401, 421


class _Entry(msgspec.Struct):
    model: str
    version: str


class _ModelList(msgspec.Struct):
    models: list[_Entry]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where a daemon answers, and what opens it.

    Attributes
    ----------
    base : str
        ``http://host:port`` or ``https://host:port``, with a path if something stands before it that adds one.
    ca_file : Path or None
        The certificates that are trusted; None: the system's.
    authorization : Secret or None
        What the header of that name holds.
    source : str
        Where that comes from, for messages.
    """

    base: str
    ca_file: Path | None = None
    authorization: Secret | None = None
    source: str = ""


def base_of(web: Web) -> str:
    """Where a daemon with these settings answers: by TLS if its web configuration file says so.

    Raises
    ------
    FatalError
        If ``web.listen`` has no port, or the web configuration file cannot be read.
    """
    host, port = web.address
    if port == 0:
        raise FatalError("web.listen has port 0, so the daemon's port is unknown: configure one, or give --url")
    host = _ON_THIS_MACHINE.get(host, host)
    encrypted = False
    if web.config_file is not None:
        if not os.access(web.config_file, os.R_OK):
            raise FatalError(
                f"cannot read web.config_file {web.config_file}, so whether the daemon speaks TLS is unknown: "
                "give --url, https://HOST:PORT"
            )
        encrypted = load_web_file(web.config_file).tls_server_config is not None
    return f"{'https' if encrypted else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def checked_url(url: str) -> str:
    """An address that somebody gave, without a slash at its end.

    Raises
    ------
    FatalError
        If it is none of http or https, or holds a password.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if usable and "@" in parts.netloc:  # not quoted: there is a password in it
        raise FatalError("--url holds no user and no password: --user and --password-file do")
    if not usable or parts.query or parts.fragment or not url.isprintable() or " " in url:
        raise FatalError("--url is not an address, which begins with http:// or https:// and a host")
    return url.rstrip("/")


def own_token(web: Web) -> Secret | None:
    """A token of the daemon's own file: the first whose holder may only read, else the first of all.

    Returns
    -------
    Secret or None
        None where there is no such file, or it may not be read.

    Raises
    ------
    ConfigError
        If the file holds no tokens.
    """
    if web.bearer_token_file is None or not os.access(web.bearer_token_file, os.R_OK):
        return None
    tokens = load_tokens(web.bearer_token_file)
    return next((token for name, token in tokens.items() if name not in web.writers), next(iter(tokens.values())))


def fetch_reports(
    access: Access,
    model: str | None = None,
    version: str | None = None,
    *,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> list[Report]:
    """The newest reports of a daemon.

    Parameters
    ----------
    access : Access
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
        If no daemon answers, or it refuses.
    CorruptArtifactError
        If what answers is no sentinel of this version.
    FatalError
        If there is no such report, or the trusted certificates cannot be read.
    """
    asked = _Daemon(access, timeout_seconds)
    path = "/api/v1/models"
    try:
        known = msgspec.json.decode(asked.get(path), type=_ModelList).models
        chosen = [entry for entry in known if model in (None, entry.model) and version in (None, entry.version)]
        if not chosen:
            names = ", ".join(f"{entry.model} {entry.version}" for entry in known) or "none yet"
            wanted = f"--model {model or '*'} --version {version or '*'}"
            raise FatalError(f"no report fits {wanted}; {access.base} has {names}")
        reports = []
        for entry in chosen:
            path = f"/api/v1/models/{path_of(entry.model, entry.version)}/report"
            reports.append(from_json(asked.get(path)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptArtifactError(f"{access.base}{path} is no sentinel of this version: {error}") from error
    return reports


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: credentials go where they were meant to go."""

    def redirect_request(self, *_: object) -> None:
        """Nowhere."""


class _Daemon:
    def __init__(self, access: Access, timeout_seconds: float) -> None:
        self._access = access
        self._timeout_seconds = timeout_seconds
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({}), _Stay()]  # no proxy in between
        if access.base.startswith("https:"):
            handlers.append(urllib.request.HTTPSHandler(context=_trust(access.ca_file)))
        elif access.ca_file is not None:
            raise FatalError(f"--ca-file is for TLS, and {access.base} is plain HTTP: give --url, https://HOST:PORT")
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str) -> bytes:
        url = f"{self._access.base}{path}"
        request = urllib.request.Request(url)  # noqa: S310 # the address is http or https
        if self._access.authorization is not None:
            request.add_unredirected_header("Authorization", self._access.authorization.reveal())
        try:
            with self._opener.open(request, timeout=self._timeout_seconds) as response:
                return bytes(response.read())
        except urllib.error.HTTPError as error:
            with error:
                raise SourceError(self._refused(url, error)) from error
        except (OSError, http.client.HTTPException) as error:
            cause = error.reason if isinstance(error, urllib.error.URLError) else error
            if isinstance(cause, ssl.SSLError):
                raise SourceError(f"no TLS with {self._access.base}: {_tls_fault(cause)}") from error
            hint = ""
            if url.startswith("http:") and isinstance(cause, (ConnectionError, http.client.HTTPException)):
                hint = ", or --url https://HOST:PORT asks one that speaks TLS"
            if isinstance(cause, ConnectionRefusedError):
                hint = ""
            raise SourceError(f"no daemon answers at {url}: {cause}; `sentinel run` starts one{hint}") from error

    def _refused(self, url: str, error: urllib.error.HTTPError) -> str:
        answer = f"{url} answers {error.code} {error.reason}"
        if error.code == _UNAUTHORIZED:
            if self._access.authorization is None:
                return f"{answer}: one has to log in; --token-file, $SENTINEL_TOKEN or --user say as whom"
            return f"{answer}: {self._access.source} opens nothing there"
        if error.code == _MISDIRECTED:
            return f"{answer}: add this host name to web.allowed_hosts, or --url asks by an IP address"
        return answer


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # SSLError is one
        reason = "it holds no certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise FatalError(f"cannot use --ca-file {ca_file}: {reason}") from error


def _tls_fault(fault: ssl.SSLError) -> str:
    if isinstance(fault, ssl.SSLCertVerificationError):
        return (
            f"{fault.verify_message}; --ca-file names the authority that signed its certificate (or the certificate, "
            "if it signed itself), --url asks by a name that it holds"
        )
    if fault.reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"):
        return "it does not speak TLS; http:// asks it"
    return str(fault.reason or fault)
