"""What a release says of itself: one version in all files, notes from the changelog, a chart that names its image."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml

import sentinel
from tests.documents.fences import load
from tests.support import tools

SCRIPT = tools.ROOT / ".ci/release.py"
DIGEST = f"sha256:{'0123456789abcdef' * 4}"
VALUES = tools.ROOT / "helm/sentinel/values.yaml"


@pytest.fixture(scope="module")
def release() -> ModuleType:
    """The script as a module."""
    return load(SCRIPT)


@pytest.fixture
def tree(release: ModuleType, tmp_path: Path) -> Path:
    """A copy of the files that state a version."""
    for name in release.STATED:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tools.ROOT / name, tmp_path / name)
    return tmp_path


def test_this_tree_states_one_version() -> None:
    """Package, chart, image, compose file and changelog agree, so that a tag of this version can be released."""
    done = subprocess.run(
        [sys.executable, SCRIPT, "check", f"v{sentinel.__version__}"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_tag_of_another_version_is_refused_with_every_file(release: ModuleType, tree: Path) -> None:
    """One message names all files that are still to be changed."""
    with pytest.raises(release.ReleaseError) as refused:
        release.check(tree, "99.0.0")
    assert str(refused.value).startswith("to release 99.0.0: ")
    assert [name for name in release.STATED if f"{name} states {sentinel.__version__}" not in str(refused.value)] == []


@pytest.mark.parametrize("name", ["helm/sentinel/Chart.yaml", "deploy/Dockerfile", "deploy/compose/compose.yaml"])
def test_one_forgotten_file_is_enough(release: ModuleType, tree: Path, name: str) -> None:
    """A version that was changed everywhere but once is found there."""
    text = (tree / name).read_text(encoding="utf-8")
    (tree / name).write_text(text.replace(sentinel.__version__, "99.0.0", 1), encoding="utf-8")
    with pytest.raises(release.ReleaseError, match=rf"^to release \S+: {name} states [^;]*99\.0\.0[^;]*$"):
        release.check(tree, sentinel.__version__)


def test_an_older_section_of_the_changelog_is_not_enough(release: ModuleType, tree: Path) -> None:
    """The version has to be the newest that the changelog has."""
    changelog = tree / "CHANGELOG.md"
    newer = changelog.read_text(encoding="utf-8").replace(
        f"## [{sentinel.__version__}]", f"## [99.0.0] - 2099-01-01\n\n- x\n\n## [{sentinel.__version__}]", 1
    )
    changelog.write_text(newer, encoding="utf-8")
    with pytest.raises(release.ReleaseError, match=r"CHANGELOG\.md states 99\.0\.0$"):
        release.check(tree, sentinel.__version__)


def test_notes_are_one_section_whose_links_work_elsewhere(release: ModuleType) -> None:
    """Relative links lead into the repository as it was tagged; others, and other versions, stay as they are."""
    links = "- A [page]({}docs/a.md#b), a [site](https://example.com/c), a [place](#here).\n"
    changelog = f"## [0.2.0] - 2026-02-01\n\n### Added\n\n{links.format('')}\n## [0.1.0] - 2026-01-01\n\n- Old.\n"
    noted = release.notes(f"# Changelog\n\n## [Unreleased]\n\n{changelog}", "0.2.0", "https://example.com/v0.2.0")
    assert noted == "### Added\n\n" + links.format("https://example.com/v0.2.0/")
    assert release.notes(changelog, "0.1.0", "https://example.com") == "- Old.\n"


@pytest.mark.parametrize("version", ["0.3.0", "Unreleased", "0.1"])
def test_a_version_without_notes_is_refused(release: ModuleType, version: str) -> None:
    """A release that the changelog says nothing of is not made."""
    changelog = "## [Unreleased]\n\n## [0.1.0] - 2026-01-01\n\n- Old.\n"
    with pytest.raises(release.ReleaseError, match=f"says nothing of {version}"):
        release.notes(changelog, version, "")


def test_the_chart_names_the_image_that_was_released(release: ModuleType) -> None:
    """Registry and digest are set, and no other value is touched."""
    before = VALUES.read_text(encoding="utf-8")
    after = release.chart(before, "registry.example.com/sentinel", DIGEST)
    image = {"repository": "registry.example.com/sentinel", "digest": DIGEST}
    was = yaml.safe_load(before)
    assert yaml.safe_load(after) == was | {"image": was["image"] | image}
    changed = [line for line in after.splitlines() if line not in before.splitlines()]
    assert [line.split(":")[0].strip() for line in changed] == ["# Where the image is.", "repository", "digest"]


def test_a_chart_is_not_stamped_twice_nor_with_a_tag(release: ModuleType) -> None:
    """What is not as expected is refused, so that no chart leaves with an image that nobody checked."""
    values = VALUES.read_text(encoding="utf-8")
    with pytest.raises(release.ReleaseError, match=r"not a digest: 0\.1\.0"):
        release.chart(values, "registry.example.com/sentinel", "0.1.0")
    with pytest.raises(release.ReleaseError, match=r"values\.yaml does not have"):
        release.chart(release.chart(values, "registry.example.com/sentinel", DIGEST), "registry.example.com/x", DIGEST)
