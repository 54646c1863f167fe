"""What a release says of itself: one version everywhere, notes from the changelog, a chart that names its image."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VERSION = r"(\d+\.\d+\.\d+)"
STATED = {  # where a version is stated, and how
    "sentinel/__init__.py": rf'^__version__ = "{VERSION}"$',
    "helm/sentinel/Chart.yaml": rf'^(?:version|appVersion): "?{VERSION}"?$',
    "deploy/Dockerfile": rf"^ARG VERSION={VERSION}$",
    "deploy/compose/compose.yaml": rf"^ +image: sentinel(?:-demo)?:{VERSION}$",
    "deploy/kustomize/overlays/example/kustomization.yaml": rf"^ +newTag: {VERSION}$",
    "README.md": rf"/sentinel:{VERSION} \.$",
    "CHANGELOG.md": rf"^## \[{VERSION}\]",
}
CHART_IMAGE = re.compile(r'^  #[^\n]*\n  repository: sentinel\n(.*?)^  digest: ""$', re.MULTILINE | re.DOTALL)


class ReleaseError(Exception):
    """What keeps this tree from being released."""


def check(root: Path, version: str) -> None:
    """Every place that states a version states this one; the changelog has it, as its newest.

    Raises
    ------
    ReleaseError
        Names the files that do not.
    """
    wrong = []
    for name, pattern in STATED.items():
        found = re.findall(pattern, (root / name).read_text(encoding="utf-8"), re.MULTILINE)
        newest = found[:1] if name == "CHANGELOG.md" else found
        if set(newest) != {version}:
            wrong.append(f"{name} states {', '.join(newest) or 'no version'}")
    if wrong:
        raise ReleaseError(f"to release {version}: {'; '.join(wrong)}")


def notes(changelog: str, version: str, links: str) -> str:
    """The changelog's section of a version; relative links are led to `links`, for a page elsewhere.

    Raises
    ------
    ReleaseError
        If there is no such section, or nothing in it.
    """
    found = re.search(rf"^## \[{re.escape(version)}\][^\n]*\n(.*?)(?=^## |^\[[^\]]+\]: |\Z)", changelog, re.M | re.S)
    if found is None or not found[1].strip():
        raise ReleaseError(f"CHANGELOG.md says nothing of {version}")
    return re.sub(r"\]\((?![a-z]+:|#)", f"]({links}/", found[1].strip()) + "\n"


def chart(values: str, repository: str, digest: str) -> str:
    """The chart's values, with the image that was released in place of one that is still to be built.

    Raises
    ------
    ReleaseError
        If the digest is none, or the values do not have the image as they had.
    """
    if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
        raise ReleaseError(f"not a digest: {digest}")
    image = f'  # Where the image is.\n  repository: {repository}\n\\1  digest: "{digest}"'
    changed, n_changed = CHART_IMAGE.subn(image, values)
    if n_changed != 1:
        raise ReleaseError("helm/sentinel/values.yaml does not have image.repository and image.digest where they were")
    return changed


def main(argv: Sequence[str]) -> int:
    """Run one step of a release: exit status 1, with one line, when the tree is not ready for it."""
    parser = argparse.ArgumentParser(description=__doc__)
    steps = parser.add_subparsers(dest="step", required=True)
    for step in ("check", "notes"):
        steps.add_parser(step).add_argument("tag", help="v1.2.3")
    steps.choices["notes"].add_argument("--links", required=True, help="where relative links lead")
    steps.add_parser("chart").add_argument("--repository", required=True)
    steps.choices["chart"].add_argument("--digest", required=True)
    given = parser.parse_args(argv)
    try:
        if given.step == "chart":
            path = ROOT / "helm/sentinel/values.yaml"
            values = chart(path.read_text(encoding="utf-8"), given.repository, given.digest)
            path.write_text(values, encoding="utf-8")
            return 0
        version = given.tag.removeprefix("v")
        if given.step == "check":
            check(ROOT, version)
        else:
            changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
            print(notes(changelog, version, given.links.rstrip("/")), end="")
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
