"""What a scraper accepts: the format and whether it may be compressed."""

from __future__ import annotations

from sentinel.exposition.rendering import Format

_OPENMETRICS_VERSIONS = ("", "0.0.1", "1.0.0")


def choose_format(accept: str) -> Format:
    """The format for an ``Accept`` header: OpenMetrics where it is liked at least as much as plain text.

    Examples
    --------
    >>> choose_format("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
    'openmetrics'
    >>> choose_format("text/html,*/*;q=0.8")
    'text'
    """
    openmetrics = plain = 0.0
    for item in accept.lower().split(","):
        kind, parameters, quality = _parsed(item)
        if kind == "application/openmetrics-text" and parameters.get("version", "") in _OPENMETRICS_VERSIONS:
            openmetrics = max(openmetrics, quality)
        elif kind == "text/plain":
            plain = max(plain, quality)
    return "openmetrics" if openmetrics > 0 and openmetrics >= plain else "text"


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an ``Accept-Encoding`` header allows gzip.

    Examples
    --------
    >>> accepts_gzip("br, gzip;q=0.5"), accepts_gzip("gzip;q=0"), accepts_gzip("")
    (True, False, False)
    """
    parsed = (_parsed(item) for item in accept_encoding.lower().split(","))
    return any(coding == "gzip" and quality > 0 for coding, _, quality in parsed)


def _parsed(item: str) -> tuple[str, dict[str, str], float]:
    name, *rest = (part.strip() for part in item.split(";"))
    pairs = (part.partition("=") for part in rest)
    parameters = {key.strip(): value.strip().strip('"') for key, _, value in pairs}
    try:
        quality = float(parameters.get("q", "1"))
    except ValueError:
        quality = 0.0
    return name, parameters, quality
