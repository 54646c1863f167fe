"""``sentinel baseline import``: the manifest of a split, and its rows, from where a training run was logged."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_import(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Declare the command."""
    help_text = "Write the manifest that a training run implies, and fetch the rows that it logged."
    parser = commands.add_parser("import", help=help_text, description=help_text, allow_abbrev=False)
    sources = parser.add_subparsers(dest="source", metavar="SOURCE", required=True)
    mlflow_help = "From a run of MLflow: its metrics, datasets and their digests, tags, and artifacts."
    mlflow = sources.add_parser("mlflow", help=mlflow_help, description=mlflow_help, allow_abbrev=False)
    mlflow.add_argument("run", metavar="RUN", help="the run's id")
    mlflow.add_argument("--tracking-uri", help="where runs are kept (default: as MLFLOW_TRACKING_URI says)")
    mlflow.add_argument("--output", type=Path, required=True, help="the folder to write into")
    mlflow.add_argument("--validation", type=Path, help="validation rows at hand, in the place of the run's artifact")
    mlflow.add_argument("--train", type=Path, help="training rows at hand, in the place of the run's artifact")


def run_import(args: argparse.Namespace) -> int:
    """Import, and say what was found and what does not agree."""
    from sentinel.app.mlflow_import import import_run
    from sentinel.app.mlflow_runs import Runs

    given = {"validation": args.validation, "train": args.train}
    imported = import_run(Runs(args.tracking_uri), args.run, args.output, given)
    print(f"wrote {imported.manifest}")
    for note in imported.notes:
        print(f"  {note}")
    files = " ".join(f"--{side} {path}" for side, path in sorted(imported.rows.items()))
    print(f"next: sentinel audit --config sentinel.yaml --manifest {imported.manifest} {files}".rstrip())
    return 1 if imported.differs else 0
