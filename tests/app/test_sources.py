"""The codec of a configuration: canonical events take no detour, any other format is adapted."""

from __future__ import annotations

from typing import Any

import msgspec

from sentinel.app.sources import make_codec
from sentinel.config.settings import Config
from sentinel.events.codecs.adapting import AdaptingCodec
from sentinel.events.codecs.json import JsonCodec


def config(**source: Any) -> Config:
    """A configuration of one source."""
    given = {"apiVersion": "sentinel/v1", "models": [{"name": "churn", "version": "7"}], "source": source}
    return msgspec.convert(given, Config)


KAFKA = {"bootstrap_servers": ["127.0.0.1:9"], "topics": {"predictions": "p", "outcomes": "o"}}


def test_canonical_events_keep_the_fast_path() -> None:
    """Without formats, and with formats that say what is the default, the codec is the one of canonical JSON itself."""
    plain = {"predictions": {"shape": "canonical"}, "outcomes": {"shape": "canonical", "encoding": "json"}}
    sources: list[dict[str, Any]] = [{"kafka": KAFKA}, {"kafka": KAFKA | {"formats": plain}}, {"http": {}}]
    for source in sources:
        codec = make_codec(config(**source), {})
        assert isinstance(codec, JsonCodec)
        assert not codec.reads_headers


def test_formats_are_adapted_for_either_source() -> None:
    """A format of one topic adapts that topic; headers are asked for where a shape reads them."""
    records = {"predictions": {"shape": "bentoml", "records": {"model": "churn", "score": "p"}}}
    for source in ({"kafka": KAFKA | {"formats": records}}, {"http": {"formats": records}}):
        codec = make_codec(config(**source), {})
        assert isinstance(codec, AdaptingCodec)
        assert not codec.reads_headers
    assert make_codec(config(kafka=KAFKA | {"formats": {"predictions": {"shape": "kserve"}}}), {}).reads_headers
