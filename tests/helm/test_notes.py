"""What Helm prints after an installation, which `helm template` leaves out: rendered here as if it were an object."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.helm.chart import CHART, KUBE_VERSION, NAMES, case, helm, values_of

_AS_AN_OBJECT = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: notes}
data:
  text: |
    {{- include "sentinel.notes" . | nindent 4 }}
"""


@pytest.fixture(scope="module")
def chart(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the chart in which the notes are a template that another one includes."""
    copy = tmp_path_factory.mktemp("notes") / "sentinel"
    shutil.copytree(CHART, copy)
    notes = (copy / "templates/NOTES.txt").read_text(encoding="utf-8")
    (copy / "templates/_notes.tpl").write_text(f'{{{{- define "sentinel.notes" -}}}}\n{notes}{{{{- end }}}}\n')
    (copy / "templates/notes.yaml").write_text(_AS_AN_OBJECT)
    return copy


def notes_of(chart: Path, name: str, **over: Any) -> str:
    """The notes for an example."""
    flags = [part for key, value in over.items() for part in ("--set", f"{key.replace('__', '.')}={value}")]
    values = ["--values", str(case(name)), "--show-only", "templates/notes.yaml", *flags]
    done = helm("template", "rel", chart, "--namespace", "ml", "--kube-version", KUBE_VERSION, *values)
    assert done.returncode == 0, done.stderr
    text: str = yaml.safe_load(done.stdout)["data"]["text"]
    return text


@pytest.mark.parametrize("name", NAMES)
def test_they_say_what_is_watched_and_where_to_look(chart: Path, name: str) -> None:
    """Topics, models, and commands for the namespace and the names that were installed."""
    text = notes_of(chart, name)
    namespace = "monitoring" if name == "no-operator" else "ml"
    split = values_of(name)["mode"] == "split"
    reader, judge = ("collector", "deployment/rel-sentinel-evaluator") if split else ("", "rel-sentinel-0")
    posted = "takes events in by POST http://rel-sentinel.ml.svc:9469/v1/events, and watches"
    assert (posted if name == "http" else "reads churn.predictions and churn.outcomes, and watches") in text
    assert "churn, version 7" in text
    workload = f"rel-sentinel-{reader}".removesuffix("-")
    assert f"kubectl --namespace {namespace} rollout status statefulset/{workload}\n" in text
    assert f"kubectl --namespace {namespace} port-forward {judge} 9469:9469\n" in text
    assert ("https://127.0.0.1:9469/" in text) is (name == "kafka-tls")
    assert "<no value>" not in text


@pytest.mark.parametrize(
    ("name", "over", "warning"),
    [
        ("minimal", {}, "Nobody is alerted yet."),
        ("full", {}, None),
        ("split", {"prometheusRule__enabled": "true"}, "takes only what carries the label `release:"),
        ("minimal", {}, "The port is open to the whole cluster"),
        ("split-hpa", {}, "Without persistence every new pod starts"),
        ("split", {}, "--create --topic sentinel.summaries"),
        ("split", {}, "Up to 12 collectors share the partitions of churn.predictions"),
        ("split-hpa", {}, "Up to 6 collectors share the partitions of churn.predictions"),
    ],
)
def test_they_warn_of_what_is_missing(chart: Path, name: str, over: dict[str, str], warning: str | None) -> None:
    """Each thing that is left to do is said; with everything switched on there is none."""
    text = notes_of(chart, name, **over)
    if warning is not None:
        assert warning in text
        return
    for word in (
        "Nobody is alerted",
        "label `release",
        "open to the whole cluster",
        "Without persistence",
        "summaries",
    ):
        assert word not in text
