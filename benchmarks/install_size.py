"""What an installation costs: seconds, megabytes to download and on disk, and which packages they go to.

Makes a fresh environment in the temporary directory, fetches the locked runtime requirements with an empty cache,
installs them and this package, then what the demonstration needs besides, and removes it all again. Run with
`python -m benchmarks.install_size [--quick]`.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements" / "run.txt"
DEMO = ROOT / "requirements" / "demo.txt"
MB = 1_000_000
SHOWN = 8
TARGET_SECONDS = 60
TARGET_MB = 300
SHARES = """
import importlib.metadata as m, os
for d in m.distributions():
    files = {os.path.realpath(d.locate_file(f)) for f in d.files or []}
    files = [f for f in files if os.path.isfile(f)]
    code = sum(os.path.getsize(f) for f in files if f.endswith(".pyc"))
    print(d.metadata["Name"], sum(map(os.path.getsize, files)) - code, code)
"""


def run(*command: str | Path) -> str:
    """Run one command; its standard output."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def shares(python: Path) -> list[tuple[str, int, int]]:
    """Each distribution with its bytes on disk and those of its bytecode, largest first."""
    rows = [line.rsplit(" ", 2) for line in run(python, "-c", SHARES).splitlines()]
    found = [(name, int(files), int(code)) for name, files, code in rows]
    return sorted(found, key=lambda row: -(row[1] + row[2]))


def report(found: list[tuple[str, int, int]]) -> None:
    """The largest packages, the rest together, and the total."""
    rest = found[SHOWN:]
    rows = [*found[:SHOWN], (f"{len(rest)} others", sum(r[1] for r in rest), sum(r[2] for r in rest))]
    total = sum(row[1] + row[2] for row in rows)
    print(f"{'on disk':<20} {'files':>9} {'bytecode':>9} {'share':>7}")
    for name, files, code in rows:
        print(f"{name:<20} {files / MB:6.1f} MB {code / MB:6.1f} MB {(files + code) / total:>7.1%}")
    files, code = sum(row[1] for row in rows), sum(row[2] for row in rows)
    print(f"{'total':<20} {files / MB:6.1f} MB {code / MB:6.1f} MB {1:>7.0%}")


def main(arguments: list[str] | None = None) -> int:
    """Measure once.

    Returns
    -------
    int
        0: the targets are stated beside what was measured, and the reader judges.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="accept what pip has cached; downloads are not timed")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="sentinel-install-") as scratch:
        folder = Path(scratch)
        wheels, environment = folder / "wheels", folder / "environment"
        cache = [] if options.quick else ["--no-cache-dir"]
        pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")

        started = time.perf_counter()
        run(*pip, "download", *cache, "--require-hashes", "-r", LOCK, "-d", wheels)
        fetched = time.perf_counter() - started

        started = time.perf_counter()
        venv.create(environment, with_pip=True)
        python = environment / "bin" / "python"
        own = (python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", "--no-index")
        bare = folder_bytes(environment)
        run(*own, "--find-links", wheels, "--require-hashes", "-r", LOCK)
        installed = time.perf_counter() - started
        run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", folder, ROOT)
        (built,) = folder.glob("*.whl")
        run(*own, "--no-deps", built)
        run(python, "-m", "sentinel", "version")

        downloaded = folder_bytes(wheels) + built.stat().st_size
        added = folder_bytes(environment) - bare
        note = " (from the cache)" if options.quick else ""
        print(f"download{note}: {downloaded / MB:.0f} MB in {fetched:.0f} s")
        print(f"install: {installed:.0f} s, the environment itself included; target with download {TARGET_SECONDS} s")
        print(f"on disk: {added / MB:.0f} MB beyond an empty environment; target {TARGET_MB} MB")
        print(f"sentinel's own wheel: {built.stat().st_size / MB:.2f} MB\n")
        report([row for row in shares(python) if row[0] not in ("pip", "setuptools")])
        run(*pip, "download", *cache, "--require-hashes", "-r", DEMO, "-d", wheels)
        run(*own, "--find-links", wheels, "--require-hashes", "-r", DEMO)
        downloaded, added = folder_bytes(wheels) + built.stat().st_size, folder_bytes(environment) - bare
        print(f"\nwith what the demonstration needs: {downloaded / MB:.0f} MB to fetch, {added / MB:.0f} MB on disk")
    return 0


if __name__ == "__main__":
    sys.exit(main())
