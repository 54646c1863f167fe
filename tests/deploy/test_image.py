"""The container image: that its recipe names what exists, keeps what it promises, and that its commands work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

import sentinel
from sentinel import cli
from tests.support import tools

ROOT = tools.ROOT
DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^RUN (.+)$", DOCKERFILE.replace("\\\n", " "), re.MULTILINE)


def stage(name: str) -> str:
    """The lines of a stage."""
    (found,) = re.findall(rf"^FROM \S+ AS {name}\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.MULTILINE | re.DOTALL)
    return str(found)


def run(*command: str | Path, **variables: str) -> str:
    """Run a command; what it printed."""
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **variables},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_image_copies_what_is_there_and_not_ignored() -> None:
    """Each source of a COPY exists, and is let through by .dockerignore, which lets nothing else through."""
    copied = {
        source
        for arguments in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE)
        for source in arguments.split()[:-1]
    }
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)


def test_the_base_is_pinned_by_digest_and_the_labels_say_so() -> None:
    """Every stage starts from one image, named by tag and digest; the labels repeat both, and this version."""
    (base,) = re.findall(r"^ARG PYTHON=(\S+)$", DOCKERFILE, re.MULTILINE)
    matched = re.fullmatch(r"(python:3\.11\.\d+-slim-\w+)@(sha256:[0-9a-f]{64})", base)
    assert matched is not None
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) <= {
        "${PYTHON}",
        *re.findall(r" AS (\S+)$", DOCKERFILE, re.MULTILINE),
    }
    assert f'base.name="docker.io/library/{matched[1]}"' in DOCKERFILE
    assert f'base.digest="{matched[2]}"' in DOCKERFILE
    assert f"ARG VERSION={sentinel.__version__}\n" in DOCKERFILE


@pytest.mark.parametrize("name", ["sentinel", "demo"])
def test_the_images_run_without_root(name: str) -> None:
    """The user is a number that is not 0; what the image is built with stays behind."""
    lines = stage(name)
    assert re.findall(r"^USER (.+)$", lines, re.MULTILINE) == ["65532:65532"]
    assert re.findall(r"^COPY --from=(\S+) (\S+) (\S+)$", lines, re.MULTILINE) == [
        ("build" if name == "sentinel" else "build-demo", "/opt/sentinel", "/opt/sentinel")
    ]
    assert "pip" not in lines + stage("base")
    assert "STOPSIGNAL SIGTERM\n" in stage("base")


def test_the_default_image_is_the_daemon() -> None:
    """Without --target the last stage is built, and that is not the demonstration's."""
    assert re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE)[-1] == "sentinel"


def test_what_is_installed_is_held_against_its_hash() -> None:
    """Whatever comes from an index has its hash in a lock file that is copied; the rest asks no index."""
    installs = re.findall(r"pip(?: --python \S+)? (?:install|wheel) [^&\n]*", "\n".join(COMMANDS))
    assert len(installs) == 5
    for install in installs:
        assert "--require-hashes --only-binary :all: -r requirements/" in install or "--no-index" in install


def test_the_demo_image_adds_to_the_same_versions() -> None:
    """What both lock files pin they pin alike, so that the second installation moves none; both have what runs."""
    pins = {
        name: dict(re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / f"requirements/{name}.txt").read_text(), re.MULTILINE))
        for name in ("run", "image", "demo")
    }
    both = pins["image"].keys() & pins["demo"].keys()
    assert {name: pins["image"][name] for name in both} == {name: pins["demo"][name] for name in both}
    assert both >= pins["run"].keys()
    assert pins["demo"].keys() - pins["image"].keys()


def test_the_image_has_every_extra_of_a_process() -> None:
    """Avro, Protobuf and the faster client are installed, so that a configuration that asks for them is taken."""
    pins = re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements/image.txt").read_text(), re.MULTILINE)
    assert {"fastavro", "protobuf", "confluent-kafka"} <= set(pins)
    assert "-r requirements/image.txt" in stage("build")


def test_the_daemon_starts_with_arguments_that_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    """The command line reaches the configuration, which is not on this machine, and not a usage message."""
    command = re.search(r"^CMD \[(.+)\]$", stage("sentinel"), re.MULTILINE)
    assert command is not None
    absent = [part.strip(' "').replace("/etc", "/nonexistent/etc") for part in command[1].split(",")]
    assert cli.main(absent) == 1
    assert "/nonexistent/etc/sentinel/sentinel.yaml" in capsys.readouterr().err


def test_the_build_works_outside_of_a_container(tmp_path: Path) -> None:
    """The recipe's own commands make the wheel, and install it from outside into an environment that has no pip."""
    pytest.importorskip("hatchling", reason="the build tools are not installed; requirements/dev.txt has them")
    (wheel,) = [command for command in COMMANDS if "pip wheel" in command]
    build, install = (part.split() for part in wheel.split("&&"))
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    folders = {"/wheel": str(tmp_path), ".": str(ROOT)}
    assert build[:2] == ["/opt/build/bin/pip", "wheel"]
    run(*pip, *[folders.get(part, part) for part in build[1:]])
    (built,) = tmp_path.glob("*.whl")

    assert install == ["pip", "--python", "/opt/sentinel/bin/python", *install[3:-1], "/wheel/*.whl"]
    environment = tmp_path / "environment"
    make = COMMANDS[0].split("&&")[0].split()
    assert (make[0], make[-1]) == ("python", "/opt/sentinel")
    run(sys.executable, *make[1:-1], environment)
    run(*pip, "--python", environment / "bin/python", *install[3:-1], built)
    packages = sysconfig.get_paths()["purelib"]  # what the lock file would have put there
    said = run(environment / "bin/sentinel", "version", PYTHONPATH=packages)
    assert said.startswith(f"sentinel {sentinel.__version__} ")
    where = run(environment / "bin/python", "-I", "-c", "import sentinel; print(sentinel.__file__)")
    assert where.startswith(str(environment))
    assert not (environment / "bin/pip").exists()


def test_the_linter_has_no_complaint() -> None:
    """hadolint, which hands the commands to a shell linter too, finds nothing."""
    hadolint = tools.need("hadolint", "deploy/Dockerfile is not linted")
    done = subprocess.run([hadolint, ROOT / "deploy/Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
