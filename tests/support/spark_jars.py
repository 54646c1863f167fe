"""The jars of Spark's Kafka connector from Maven, fetched once into the repository's cache."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.kafka_jars import java_major, resolve_jars
from tests.support.process import ServerError, exclusive

# The newest releases of each that Maven has; the connector of 4.2 runs on Spark 4.3.
CONNECTOR_VERSION = "4.2.0"
TOKEN_PROVIDER_VERSION = "4.1.0-preview1"
KAFKA_CLIENTS_VERSION = "3.9.2"
POOL_VERSION = "2.13.1"
MIN_JAVA = 17
_CACHE = Path(__file__).parents[2] / ".cache" / "spark-kafka"
_DEPENDENCY = """    <dependency>
      <groupId>{group}</groupId><artifactId>{artifact}</artifactId><version>{version}</version>
      <exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions>
    </dependency>
"""
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>sentinel.tests</groupId>
  <artifactId>spark-kafka</artifactId>
  <version>1</version>
  <dependencies>
{dependencies}  </dependencies>
</project>
"""


def _jars() -> tuple[tuple[str, str, str], ...]:
    """What is needed beyond Spark's own jars; nothing else of what these depend on is."""
    connector = os.environ.get("SENTINEL_TEST_SPARK_KAFKA_VERSION", CONNECTOR_VERSION)
    return (
        ("org.apache.spark", "spark-sql-kafka-0-10_2.13", connector),
        ("org.apache.spark", "spark-token-provider-kafka-0-10_2.13", TOKEN_PROVIDER_VERSION),
        ("org.apache.kafka", "kafka-clients", KAFKA_CLIENTS_VERSION),
        ("org.apache.commons", "commons-pool2", POOL_VERSION),
    )


def fetch_connector(cache: Path = _CACHE) -> Path:
    """Return the folder with the connector's jars, fetched now unless it is there.

    Safe from several processes at once: the folder appears whole or not at all.

    Raises
    ------
    ServerError
        If there is no Java that runs Spark, or the jars are not there and cannot be fetched; says why.
    """
    major = java_major()
    if major is None or major < MIN_JAVA:
        raise ServerError(f"Java {MIN_JAVA} or newer is needed, found {major or 'none'}")
    version = "-".join(version for _, _, version in _jars())
    jars = cache / version
    with exclusive(cache / f"{version}.lock"):
        if not jars.is_dir():
            _fetch(jars)
    return jars


def _fetch(jars: Path) -> None:
    wanted = [_DEPENDENCY.format(group=g, artifact=a, version=v) for g, a, v in _jars()]
    resolve_jars(_POM.format(dependencies="".join(wanted)), jars, "Spark's Kafka connector")


if __name__ == "__main__":
    fetch_connector()
