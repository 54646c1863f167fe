"""One Grafana over HTTP: the raw verbs of grafana-api, its failures told apart, and none of them left to surprise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import urlencode

import requests
from grafana_api.grafana_api import GrafanaException
from grafana_api.grafana_face import GrafanaFace

from sentinel.config.grafana import Grafana
from sentinel.config.secrets import REDACTED, Secret
from sentinel.exposition.grafana.errors import GrafanaError, Reason

Verb = Literal["GET", "POST", "PATCH", "PUT"]

MAX_MESSAGE_CHARS: Final = 300
MAX_WAIT_SECONDS: Final = 300.0
_TOKEN_CHARS: Final = 8  # a shorter text is no token, and may be part of any word
_REASONS: Final = {
    401: Reason.UNAUTHORIZED,
    403: Reason.FORBIDDEN,
    404: Reason.NOT_FOUND,
    408: Reason.TIMEOUT,
    409: Reason.CONFLICT,
    412: Reason.CONFLICT,
    429: Reason.THROTTLED,
}


class GrafanaClient:
    """Calls one Grafana. For one thread.

    Parameters
    ----------
    settings : Grafana
    """

    def __init__(self, settings: Grafana) -> None:
        parts = settings.parts
        host = parts.hostname or ""
        path = parts.path.strip("/")
        self.url = settings.url.rstrip("/")
        self._token = settings.token or Secret("")
        self._status = 0
        self._wait: float | None = None
        self._face = GrafanaFace(
            auth=self._token.reveal(),
            host=f"[{host}]" if ":" in host else host,
            port=parts.port,
            url_path_prefix=f"{path}/" if path else "",
            protocol=parts.scheme,
            verify=True if settings.ca_file is None else settings.ca_file,
            timeout=float(settings.timeout),
        )
        session = self._face.api.s
        session.max_redirects = 0  # a redirect would turn a POST into a GET, and carry the token along
        session.hooks["response"].append(self._note)

    def call(self, verb: Verb, path: str, json: Any = None, query: Mapping[str, str | list[str]] | None = None) -> Any:
        """One attempt at one call.

        Parameters
        ----------
        verb : str
        path : str
            Below ``/api``, with a slash in front; quoted.
        json : object, optional
            The body.
        query : mapping, optional

        Returns
        -------
        object
            What came back; None for an empty answer.

        Raises
        ------
        GrafanaError
        """
        self._status, self._wait = 0, None
        target = f"{path}?{urlencode(query, doseq=True)}" if query else path
        what = f"{verb} {self.url}/api{path}"
        try:
            return getattr(self._face.api, verb)(target, json=json)
        except GrafanaException as error:
            raise self._refusal(what, _said(error)) from None
        except requests.exceptions.JSONDecodeError as error:
            if not error.doc.strip():
                return None
            raise GrafanaError(Reason.UNEXPECTED, f"{what}: the answer is no JSON") from None
        except requests.exceptions.SSLError as error:
            raise GrafanaError(Reason.TLS, f"{what}: {self._clean(_cause(error))}") from None
        except requests.exceptions.Timeout:
            raise GrafanaError(Reason.TIMEOUT, f"{what}: no answer in time") from None
        except requests.exceptions.TooManyRedirects:
            raise GrafanaError(Reason.UNEXPECTED, f"{what}: leads to another address") from None
        except requests.exceptions.ConnectionError as error:
            raise GrafanaError(Reason.UNREACHABLE, f"{what}: {self._clean(_cause(error))}") from None
        except (requests.exceptions.RequestException, OSError) as error:  # OSError: ca_file cannot be read
            raise GrafanaError(Reason.UNEXPECTED, f"{what}: {self._clean(error)}") from None
        except TypeError:  # grafana-api looks for a message in an error's body, whatever the body is
            raise self._refusal(what, "an error without a message") from None

    def close(self) -> None:
        """Close the connections."""
        self._face.api.s.close()

    def _refusal(self, what: str, message: str) -> GrafanaError:
        fallback = Reason.SERVER_ERROR if self._status >= 500 else Reason.REFUSED
        reason = _REASONS.get(self._status, fallback)
        return GrafanaError(reason, f"{what}: status {self._status}: {self._clean(message)}", self._wait)

    def _clean(self, message: object) -> str:
        """One line of bounded length, without the token."""
        text = " ".join(str(message).split())
        token = self._token.reveal()
        text = text.replace(token, REDACTED) if len(token) >= _TOKEN_CHARS else text
        return text if len(text) <= MAX_MESSAGE_CHARS else f"{text[:MAX_MESSAGE_CHARS]}..."

    def _note(self, response: requests.Response, *_: object, **__: object) -> None:
        """Keep what grafana-api's exceptions do not."""
        self._status = response.status_code
        wait = response.headers.get("Retry-After", "")
        self._wait = min(float(wait), MAX_WAIT_SECONDS) if wait.isascii() and wait.isdigit() else None


def _said(error: GrafanaException) -> str:
    """What Grafana answered, without what grafana-api puts before it."""
    said = error.response
    return str(said.get("message", said) if isinstance(said, dict) else said)


def _cause(error: requests.exceptions.RequestException) -> str:
    """What the innermost error says: those around it repeat the address."""
    inner = error.args[0] if error.args else error
    return str(getattr(inner, "reason", inner)).rpartition(": ")[2]
