"""Write a simulated stream as the files that sentinel's commands read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq

from sentinel.config.times import rfc3339_of

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd

    from sentinel.simulation.scenario import SimulatedStream

_MANIFEST_HEAD = """\
# How the offline estimate was made. Sentinel reads it with: sentinel baseline build --manifest manifest.yaml
# split.protocol is random, time or group; candidates is how many models were compared on the validation rows.
"""


@dataclass(frozen=True, slots=True)
class Files:
    """Where each file was written; None where there is none to show."""

    train: Path | None
    validation: Path
    stream: Path
    manifest: Path
    config: Path
    backfills: Path | None = None


def write_files(simulated: SimulatedStream, directory: Path, *, version: str = "1") -> Files:
    """Write the three frames as Parquet, the manifest and the smallest configuration that works.

    Feature times become a column of structs, ``feature_times``; backfills a file of their own. Training rows that
    the watcher may not see are not written. Neither is the truth: the watcher has to find it.

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
        train=directory / "train.parquet" if simulated.train_file_given else None,
        validation=directory / "validation.parquet",
        stream=directory / "stream.parquet",
        manifest=directory / "manifest.yaml",
        config=directory / "sentinel.yaml",
        backfills=None if simulated.backfills is None else directory / "backfills.parquet",
    )
    times, n_offline = simulated.feature_times, len(simulated.validation)
    if files.train is not None:
        simulated.train.to_parquet(files.train, index=False)
    _write_rows(simulated.validation, None if times is None else times.iloc[:n_offline], files.validation)
    _write_rows(simulated.stream, None if times is None else times.iloc[n_offline:], files.stream)
    if simulated.backfills is not None and files.backfills is not None:
        simulated.backfills.to_parquet(files.backfills, index=False)
    files.manifest.write_text(_MANIFEST_HEAD + (_yaml(simulated.manifest) or "{}\n"), encoding="utf-8")
    files.config.write_text(_config(simulated, version), encoding="utf-8")
    return files


def write_truth(simulated: SimulatedStream, path: Path) -> None:
    """Write what was planted, as JSON, for people: no command of the watcher reads it.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    truth = simulated.truth
    written = {
        "scenario": simulated.scenario,
        "cause": truth.cause,
        "variant": truth.variant,
        "severity": truth.severity,
        "second_cause": truth.second_cause,
        "culprits": list(truth.culprits),
        "onset": None if truth.onset is None else rfc3339_of(truth.onset),
        "offline_auc": truth.offline_auc,
        "online_auc": truth.online_auc,
        "gap": truth.gap,
    }
    path.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")


def _write_rows(rows: pd.DataFrame, times: pd.DataFrame | None, path: Path) -> None:
    """Write rows, and beside them when each of their features was written."""
    if times is None:
        rows.to_parquet(path, index=False)
        return
    table = pa.Table.from_pandas(rows, preserve_index=False)
    stamps = pa.Table.from_pandas(times.drop(columns="prediction_id"), preserve_index=False)
    column = pa.StructArray.from_arrays([c.combine_chunks() for c in stamps.columns], stamps.column_names)
    pq.write_table(table.append_column("feature_times", column), path)


def _config(simulated: SimulatedStream, version: str) -> str:
    lines = [
        "apiVersion: sentinel/v1",
        "models:",
        f"  - name: {simulated.model}",
        f"    version: {json.dumps(version)}",
        "    task: binary",
        f"    slices: [{', '.join(simulated.slices)}]",
    ]
    if simulated.absence != "missing":
        lines.append(f"    outcome: {{absence: {simulated.absence}}}")
    if simulated.availability:
        lines.append("    features:")
        lines += [f"      {name}: {{available: {when}}}" for name, when in simulated.availability.items()]
    return "\n".join(lines) + "\n"


def _yaml(mapping: Mapping[str, object], indent: str = "") -> str:
    """Write nested mappings of plain scalars; a scalar in JSON is a scalar in YAML."""
    lines = []
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            lines.append(f"{indent}{key}:\n{_yaml(value, indent + '  ')}")
        else:
            lines.append(f"{indent}{key}: {json.dumps(value)}\n")
    return "".join(lines)
