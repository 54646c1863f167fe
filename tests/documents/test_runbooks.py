"""What an operator copies from a runbook at night works: commands run, queries parse, names exist."""

from __future__ import annotations

import argparse
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentinel.baseline.build import build_baseline
from sentinel.cli.commands import load
from sentinel.clock import SystemClock
from sentinel.config import Model
from sentinel.events.batch import DeadLetter, Reason
from sentinel.exposition.alerts import ALERTS
from sentinel.exposition.declarations import METRICS
from sentinel.exposition.records import RECORDS
from sentinel.ingest.dead_letters import DeadLetterFile
from tests.baseline.frames import scored_rows, write
from tests.conftest import StartPrometheusStack
from tests.documents.fences import DOCUMENTS, ROOT
from tests.exposition.exposed import full_statistics
from tests.exposition.reports import full_report
from tests.exposition.served import Served
from tests.support import tools
from tests.support.prometheus import check_with

RUNBOOKS = ROOT / "docs/runbooks"
NAMES = ["README", *(rule.name for rule in ALERTS)]
LABELS = {"MODEL": "churn", "VERSION": "7", "FEATURE": "tenure_days", "SLICE": "region=EU"}
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_QUERY = re.compile(r"promtool query instant \S+ '([^']+)'|--data-urlencode 'query=([^']+)'")
KUBECTL_READS = {"get", "describe", "logs", "exec", "top", "port-forward"}
KUBECTL = {*KUBECTL_READS, "rollout"}


def section(name: str, title: str) -> str:
    """One section of a runbook; of the README everything."""
    text = (RUNBOOKS / f"{name}.md").read_text(encoding="utf-8")
    if name == "README":
        return text
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None
    return found[1]


def fenced(text: str, language: str) -> list[str]:
    """The blocks of a language."""
    return [block for found, block in _BLOCK.findall(text) if found == language]


def queries(text: str) -> Iterator[str]:
    """Every query: of the blocks, where one goes on in the lines that are indented, and of the commands."""
    for block in fenced(text, "promql"):
        yield from re.split(r"\n(?![ )/>-]|and |or |unless )", block.strip())
    for block in fenced(text, "sh"):
        yield from (first or second for first, second in _QUERY.findall(block))


def kubectl_lines() -> list[list[str]]:
    """Every kubectl command of the runbooks, once."""
    texts = [(RUNBOOKS / f"{name}.md").read_text(encoding="utf-8") for name in NAMES]
    found = {line for text in texts for line in re.findall(r"(?:^|`)(kubectl [^`\n]+)", text, re.MULTILINE)}
    return [shlex.split(_filled(line)) for line in sorted(found)]


def _filled(text: str) -> str:
    for name, value in LABELS.items():
        text = text.replace(name, value)
    return text


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_diagnosis_has_commands(name: str) -> None:
    """Something to read the daemon by, a query from a shell, and a way in where it runs in Kubernetes."""
    text = section(name, "Diagnosis")
    commands = "".join(fenced(text, "sh"))
    assert re.search(r"^(curl|sentinel|df|ls) ", commands, re.MULTILINE) or "promtool" in commands
    assert "promtool query instant http://PROMETHEUS:9090 '" in commands
    if name != "SentinelConfigReloadFailed":
        assert "```promql\n" in text
    if {rule.name: rule for rule in ALERTS}[name].dashboard == "sentinel-model":
        assert "sentinel explain --report report.json" in commands
        assert "-- sentinel explain --config /etc/sentinel/sentinel.yaml --model MODEL --version VERSION" in commands
    else:
        assert "kubectl -n NAMESPACE " in commands


@pytest.mark.servers
def test_every_query_of_the_documents_parses(prometheus_programs: None, tmp_path: Path) -> None:
    """Promtool takes each query as a rule of its own, and every series in it is one that there is."""
    found = {_filled(query) for path in DOCUMENTS for query in queries(path.read_text(encoding="utf-8"))}
    assert len(found) > 60
    rules = [{"record": f"query:{i}", "expr": query} for i, query in enumerate(sorted(found))]
    file = tmp_path / "queries.json"
    file.write_text(json.dumps({"groups": [{"name": "queries", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in check_with("promtool", "check", "rules", str(file))
    declared = {metric.name: set(metric.labels) for metric in METRICS}
    own = {"job", "instance", "namespace", "alert", "le"}
    for query in found:
        bare = query
        for rule in RECORDS:
            bare = bare.replace(rule.name, "")
        for name, matchers in re.findall(r"\b(sentinel_\w+)(?:\{([^}]*)\})?", bare):
            base = name if name in declared else re.sub("_(sum|count|bucket)$", "", name)
            assert base in declared, query
            assert set(re.findall(r"(\w+)\s*(?:=|!)", re.sub(r'"[^"]*"', "", matchers))) <= declared[base] | own, query


@pytest.fixture(scope="module")
def place(prometheus_stack: StartPrometheusStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A folder as an operator may stand in, and the addresses of a daemon and a Prometheus that knows it."""
    folder = tmp_path_factory.mktemp("runbooks")
    (folder / "state").mkdir()
    letters = DeadLetterFile(folder / "state/dead-letters.jsonl", 1 << 20, SystemClock())
    letters.append([DeadLetter(Reason.NOT_JSON, "not JSON", "predictions", 0, 7, b"")])
    shutil.copy(ROOT / "configs/minimal.yaml", folder / "sentinel.yaml")
    rows = write(scored_rows(400), folder / "validation.parquet")
    model = Model(name="churn", version="7", slices=["plan"])
    build_baseline(model, rows, rows, now_us=1_500_000).save(folder / "model.baseline")
    programs = folder / "bin"
    programs.mkdir()
    kubectl = programs / "kubectl"
    kubectl.write_text("#!/bin/sh\nexit 0\n")  # there is no cluster: its lines are read by a test of their own
    kubectl.chmod(0o755)
    with Served(reports=(full_report(),), statistics=full_statistics()) as served:
        stack = prometheus_stack({"sentinel": [served.address]})
        path = os.pathsep.join([str(programs), str(Path(sys.executable).parent), os.environ["PATH"]])
        addresses = {"SENTINEL:9469": served.address, "PROMETHEUS:9090": stack.prometheus.address}
        yield {"folder": str(folder), "PATH": path, **addresses}


@pytest.mark.servers
@pytest.mark.parametrize("name", NAMES)
def test_the_commands_of_a_diagnosis_run(name: str, place: dict[str, str]) -> None:
    """Each block runs in a shell that ends at the first failure, and says something."""
    tools.need("curl", "the commands of the runbooks are not run")
    for block in fenced(section(name, "Diagnosis"), "sh"):
        text = block
        for address in ("SENTINEL:9469", "PROMETHEUS:9090"):
            text = text.replace(address, place[address])
        command = ["bash", "-euo", "pipefail", "-c", _filled(text)]
        environment = {**os.environ, "PATH": place["PATH"]}
        done = subprocess.run(
            command, cwd=place["folder"], env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{text}\n{done.stdout}{done.stderr}"
        asks = [line for line in block.splitlines() if not line.startswith("kubectl")]
        # A query for trouble has no answer where there is none.
        quiet = all(re.search(r"> 0'$|== 0'$", line) for line in asks)
        assert done.stdout or quiet, text


@pytest.mark.parametrize("words", kubectl_lines(), ids=" ".join)
def test_kubectl_understands(words: list[str]) -> None:
    """The real program takes every flag, and gets as far as asking a cluster, which is not there."""
    program = tools.need("kubectl", "the commands for Kubernetes are not parsed")
    options, _, inner = " ".join(words[1:]).partition(" -- ")
    own = shlex.split(options)
    command = [program, "--server=http://127.0.0.1:1", *own, *(["--", *shlex.split(inner)] if inner else [])]
    environment = {**os.environ, "KUBECONFIG": os.devnull}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert "127.0.0.1:1 was refused" in done.stderr
    assert own[:2] == ["-n", "NAMESPACE"]
    assert own[2] in KUBECTL
    if inner.startswith("sentinel "):
        name, *arguments = shlex.split(inner)[1:]
        parser = argparse.ArgumentParser(allow_abbrev=False)
        load(name).add_arguments(parser)
        parser.parse_args(arguments)


def test_kubectl_names_what_the_chart_makes() -> None:
    """Labels, kinds and paths in the commands are those of the rendered chart, released as `sentinel`."""
    from tests.helm import chart

    manifests = chart.rendered("full")
    kinds = {kind.lower() for kind, _ in manifests} | {"pod", "persistentvolumeclaim"}
    pod = chart.only(manifests, "StatefulSet")["spec"]["template"]
    mounts = {mount["mountPath"] for mount in pod["spec"]["containers"][0]["volumeMounts"]}
    for words in kubectl_lines():
        for label in re.findall(r"-l (\S+)", " ".join(words)):
            name, _, value = label.partition("=")
            assert pod["metadata"]["labels"][name] == value
        if words[3] in ("get", "describe", "top"):
            assert words[4].removesuffix("s") in kinds, words
        else:
            assert "statefulset/sentinel" in words or "-l" in words, words
        for path in re.findall(r"(/\S+)", " ".join(words).partition(" -- ")[2]):
            assert any(path == mount or path.startswith(f"{mount}/") for mount in mounts), path


def test_what_changes_something_is_not_in_a_diagnosis() -> None:
    """Looking is safe: no command of a diagnosis restarts, deletes or writes beyond the report that it reads."""
    for name in NAMES[1:]:
        commands = "\n".join(fenced(section(name, "Diagnosis"), "sh"))
        assert set(re.findall(r"^kubectl -n NAMESPACE (\S+)", commands, re.MULTILINE)) <= KUBECTL_READS
        assert set(re.findall(r"> ([\w./]+)$", commands, re.MULTILINE)) <= {"report.json"}
        assert not re.search(r"^(rm|mv|kill|sentinel (run|baseline (build|promote)))\b", commands, re.MULTILINE)


def test_the_placeholders_are_explained() -> None:
    """Whatever stands in capitals in a command is in the table of the README."""
    explained = set(re.findall(r"`([A-Z]+)`", (RUNBOOKS / "README.md").read_text(encoding="utf-8")))
    assert explained == {*LABELS, "SENTINEL", "PROMETHEUS", "NAMESPACE"}
    for name in NAMES[1:]:
        blocks = fenced((RUNBOOKS / f"{name}.md").read_text(encoding="utf-8"), "sh")
        assert set(re.findall(r"\b[A-Z]{4,}\b", "".join(blocks))) <= explained
