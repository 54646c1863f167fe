"""Kubernetes manifests against the schemas of its versions, without a cluster."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from tests.support import tools

VERSIONS: Final = ("1.25", "1.28", "1.30", "1.32", "1.34", "1.36")


def is_older(version: str, than: str) -> bool:
    """Whether one version of Kubernetes comes before another.

    >>> is_older("1.9", "1.10")
    True
    """
    return [int(part) for part in version.split(".")] < [int(part) for part in than.split(".")]


def faults(manifests: Iterable[Mapping[str, Any]], version: str) -> list[str]:
    """What Kubernetes of a version would refuse, fields that it does not know included; nothing if all is well."""
    tools.need_package("kubernetes_validate", "manifests are not held against the schemas of Kubernetes")
    kubernetes_validate = importlib.import_module("kubernetes_validate")
    found = []
    for manifest in manifests:
        try:
            kubernetes_validate.validate(dict(manifest), version, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
            place = ".".join(str(part) for part in getattr(error, "path", ()))
            found.append(f"{manifest['kind']}/{manifest['metadata']['name']} {place}: {error.message}")
    return found
