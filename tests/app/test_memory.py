"""Where judges keep what they remember."""

from __future__ import annotations

from pathlib import Path

from sentinel.app.memory import JudgeMemory


def test_each_model_version_has_a_file_of_its_own(tmp_path: Path) -> None:
    """Names that read the same when strung together do not overwrite each other."""
    keys = [("a-b", "c"), ("a", "b-c"), ("a@b", "c"), ("a", "b@c"), ("a/b", "c"), ("a", "../c")]
    memory = JudgeMemory(tmp_path / "judges")
    for i, key in enumerate(keys):
        memory.write(key, bytes([i]))
    assert [JudgeMemory(tmp_path / "judges").read(key) for key in keys] == [bytes([i]) for i in range(len(keys))]


def test_unwritable_memory_costs_nothing_but_itself(tmp_path: Path) -> None:
    """A directory that cannot be made is logged; reading then finds nothing."""
    (tmp_path / "file").write_text("in the way")
    memory = JudgeMemory(tmp_path / "file" / "judges")
    memory.write(("churn", "1"), b"x")
    assert memory.read(("churn", "1")) is None
