"""Where judges keep what they remember between starts: one small file a model version, replaced whole."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from sentinel.logs import get_logger
from sentinel.whole_files import replace_file

log = get_logger(__name__)


class JudgeMemory:
    """Files under one directory. A file that cannot be written costs the memory, never the evaluation.

    Parameters
    ----------
    directory : Path
        Made when first needed.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._written: dict[Path, bytes] = {}

    def read(self, key: tuple[str, str]) -> bytes | None:
        """What was last written for a model version, or None."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            log.warning("judge_memory_unreadable", error=str(error))
            return None

    def write(self, key: tuple[str, str], saved: bytes) -> None:
        """Replace what is kept for a model version, if it changed."""
        path = self._path(key)
        if self._written.get(path) == saved:
            return
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            replace_file(path, saved)
        except OSError as error:
            log.warning("judge_memory_not_written", error=str(error))
            return
        self._written[path] = saved

    def _path(self, key: tuple[str, str]) -> Path:
        # "@" is what quote always escapes, so no two keys share a file.
        return self._directory / f"{quote(key[0], safe='')}@{quote(key[1], safe='')}.judge"
