"""The chart as tests see it: its values, and what the real Helm engine makes of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import yaml

from tests.support import tools
from tests.support.process import PATIENCE_SECONDS

ROOT: Final = Path(__file__).parents[2]
CHART: Final = ROOT / "helm/sentinel"
CASES: Final = sorted((CHART / "ci").glob("*-values.yaml"))
NAMES: Final = [case.name.removesuffix("-values.yaml") for case in CASES]
KUBE_VERSION: Final = "1.32.0"  # an engine that was not built by a release believes in 1.20
LINKS: Final = {"files/alerts.yaml": ROOT / "deploy/prometheus/alerts.yaml", "files/dashboards": ROOT / "dashboards"}

Manifest = dict[str, Any]
Values = dict[str, Any]
Manifests = Mapping[tuple[str, str], Manifest]


def case(name: str) -> Path:
    """The file of values of that name in ci/."""
    return CHART / "ci" / f"{name}-values.yaml"


def read(path: Path) -> Any:
    """A YAML file."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def schema() -> Any:
    """The schema of the values."""
    return json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))


def merged(base: Values, over: Values) -> Values:
    """Values as Helm lays one file over another: mappings are merged, the rest is replaced."""
    both = dict(base)
    for key, value in over.items():
        old = base.get(key)
        both[key] = merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return both


def values_of(name: str) -> Values:
    """An example laid over the defaults."""
    return merged(read(CHART / "values.yaml"), read(case(name)))


def helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the engine."""
    program = tools.need("helm", "the chart is not rendered")
    return subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )


def template(name: str, over: Values | None = None, *, release: str = "rel") -> subprocess.CompletedProcess[str]:
    """Render an example, with more values laid over it."""
    flags = [part for key, value in (over or {}).items() for part in ("--set-json", f"{key}={json.dumps(value)}")]
    target: list[str | Path] = ["--namespace", "ml", "--kube-version", KUBE_VERSION, "--values", case(name)]
    return helm("template", release, CHART, *target, *flags)


@lru_cache(maxsize=64)
def _rendered(name: str, over: str, release: str) -> Manifests:
    done = template(name, json.loads(over), release=release)
    assert done.returncode == 0, done.stderr
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    manifests = [each for each in yaml.load_all(done.stdout, Loader=loader) if each]
    found = {(each["kind"], each["metadata"]["name"]): each for each in manifests}
    assert len(found) == len(manifests)
    return found


def rendered(name: str, over: Values | None = None, *, release: str = "rel") -> Manifests:
    """The manifests by kind and name. They are shared between tests: not to be changed.

    Parameters
    ----------
    name : str
        Of the example in ci/.
    over : mapping, optional
        Dotted key to value, laid over it.
    release : str
        Name of the release.
    """
    return _rendered(name, json.dumps(over or {}, sort_keys=True), release)


def only(manifests: Manifests, kind: str) -> Manifest:
    """The one manifest of a kind."""
    (found,) = [each for (of, _), each in manifests.items() if of == kind]
    return found


def kinds(manifests: Manifests) -> list[str]:
    """The kinds, sorted, each as often as it is there."""
    return sorted(kind for kind, _ in manifests)


def pods(manifests: Manifests) -> Iterator[tuple[str, Manifest]]:
    """Every pod, by the kind and name of what makes it: ``{metadata, spec}``."""
    for (kind, name), each in manifests.items():
        spec = each.get("spec", {})
        if kind == "Pod":
            yield f"{kind}/{name}", each
        elif kind == "CronJob":
            yield f"{kind}/{name}", spec["jobTemplate"]["spec"]["template"]
        elif isinstance(spec, dict) and "template" in spec:
            yield f"{kind}/{name}", spec["template"]


def daemons(manifests: Manifests) -> list[Manifest]:
    """The StatefulSet, and the Deployment where there is one."""
    return [each for (kind, _), each in manifests.items() if kind in {"StatefulSet", "Deployment"}]


def config_of(manifests: Manifests, key: str = "sentinel.yaml") -> Any:
    """A configuration file out of the ConfigMap."""
    data = [each.get("data") or {} for (kind, _), each in manifests.items() if kind == "ConfigMap"]
    (found,) = [each[key] for each in data if key in each]
    return yaml.safe_load(found)
