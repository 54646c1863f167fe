"""Write a simulated stream as the files that sentinel's commands read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from sentinel.simulation.scenario import SimulatedStream

_MANIFEST_HEAD = """\
# How the offline estimate was made. Sentinel reads it with: sentinel baseline build --manifest manifest.yaml
# split.protocol is random, time or group; candidates is how many models were compared on the validation rows.
"""


@dataclass(frozen=True, slots=True)
class Files:
    """Where each file was written."""

    train: Path
    validation: Path
    stream: Path
    manifest: Path
    config: Path


def write_files(simulated: SimulatedStream, directory: Path, *, version: str = "1") -> Files:
    """Write the three frames as Parquet, the manifest and the smallest configuration that works.

    The truth is not written: the watcher has to find it.

    Parameters
    ----------
    simulated : SimulatedStream
    directory : Path
        Made if it is not there; files of an earlier run are replaced.
    version : str
        Version of the model, for the configuration.

    Returns
    -------
    Files

    Raises
    ------
    OSError
        If the directory or a file cannot be written.
    """
    directory.mkdir(parents=True, exist_ok=True)
    files = Files(
        train=directory / "train.parquet",
        validation=directory / "validation.parquet",
        stream=directory / "stream.parquet",
        manifest=directory / "manifest.yaml",
        config=directory / "sentinel.yaml",
    )
    simulated.train.to_parquet(files.train, index=False)
    simulated.validation.to_parquet(files.validation, index=False)
    simulated.stream.to_parquet(files.stream, index=False)
    files.manifest.write_text(_MANIFEST_HEAD + _yaml(simulated.manifest), encoding="utf-8")
    files.config.write_text(_config(simulated, version), encoding="utf-8")
    return files


def _config(simulated: SimulatedStream, version: str) -> str:
    return (
        "apiVersion: sentinel/v1\n"
        "models:\n"
        f"  - name: {simulated.model}\n"
        f"    version: {json.dumps(version)}\n"
        "    task: binary\n"
        f"    slices: [{', '.join(simulated.slices)}]\n"
    )


def _yaml(mapping: Mapping[str, object], indent: str = "") -> str:
    """Write nested mappings of plain scalars; a scalar in JSON is a scalar in YAML."""
    lines = []
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            lines.append(f"{indent}{key}:\n{_yaml(value, indent + '  ')}")
        else:
            lines.append(f"{indent}{key}: {json.dumps(value)}\n")
    return "".join(lines)
