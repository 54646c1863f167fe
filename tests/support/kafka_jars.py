"""Apache Kafka's own jars from Maven, fetched once into the repository's cache."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.support.process import ServerError, exclusive

# The newest release whose jars all resolve and that runs on Java 17.
KAFKA_VERSION = "4.3.1"
_SLF4J_VERSION = "1.7.36"  # Kafka brings the API of this version and no binding: without one it logs nothing
_CACHE = Path(__file__).parents[2] / ".cache" / "kafka"
_MAVEN_TIMEOUT_SECONDS = 240
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>sentinel.tests</groupId>
  <artifactId>kafka-broker</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{kafka}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>{slf4j}</version>
    </dependency>
  </dependencies>
</project>
"""


def kafka_version() -> str:
    """Return the release to run: ``SENTINEL_TEST_KAFKA_VERSION``, or the project's."""
    return os.environ.get("SENTINEL_TEST_KAFKA_VERSION", KAFKA_VERSION)


def java_major() -> int | None:
    """Return the major version of the ``java`` on the path, None without one."""
    java = shutil.which("java")
    if java is None:
        return None
    answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False)
    found = re.search(r'version "(?:1\.)?(\d+)', answer.stderr)
    return int(found[1]) if found else None


def fetch_jars(cache: Path = _CACHE) -> Path:
    """Return the folder with Kafka's jars, fetched now unless it is there.

    Safe from several processes at once: the folder appears whole or not at all, and one process fetches while
    the others wait.

    Raises
    ------
    ServerError
        If the jars are not there and cannot be fetched; says why.
    """
    version = kafka_version()
    jars = cache / version
    with exclusive(cache / f"{version}.lock"):
        if not jars.is_dir():
            _fetch(version, jars)
    return jars


def _fetch(version: str, jars: Path) -> None:
    resolve_jars(_POM.format(kafka=version, slf4j=_SLF4J_VERSION), jars, f"Kafka {version}")


def resolve_jars(pom: str, jars: Path, what: str) -> None:
    """Have Maven copy what a project depends on into a new folder.

    Parameters
    ----------
    pom : str
        The project.
    jars : Path
        The folder to make; it is there whole or not at all.
    what : str
        What it is, for messages.

    Raises
    ------
    ServerError
        If Maven is missing, fails, or takes too long.
    """
    maven = shutil.which("mvn")
    if maven is None:
        raise ServerError("mvn is not on the path")
    with tempfile.TemporaryDirectory(dir=jars.parent) as work:
        project = Path(work) / "pom.xml"
        project.write_text(pom)
        out = Path(work) / "jars"
        options = ["-DincludeScope=runtime", f"-DoutputDirectory={out}"]
        command = [maven, "-q", "-B", "-f", str(project), "dependency:copy-dependencies", *options]
        try:
            answer = subprocess.run(
                command, capture_output=True, text=True, timeout=_MAVEN_TIMEOUT_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise ServerError(f"mvn took over {_MAVEN_TIMEOUT_SECONDS} s to fetch {what}") from error
        if answer.returncode != 0 or not out.is_dir():
            first = next((line for line in answer.stdout.splitlines() if "ERROR" in line), "no message")
            raise ServerError(f"mvn could not fetch {what}: {first[:300]}")
        out.rename(jars)


if __name__ == "__main__":
    fetch_jars()
