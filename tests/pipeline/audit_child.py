"""A process that appends to an audit log until it is killed, and says of each entry that it is kept."""

from __future__ import annotations

import sys
from pathlib import Path

from sentinel.clock import SystemClock
from sentinel.pipeline.audit_log import AuditLog

MAX_FILE_BYTES = 20_000


def main() -> None:
    """Append entries of several sizes; small files, so that kills fall on changes of file too."""
    log = AuditLog(Path(sys.argv[1]), SystemClock(), max_file_bytes=MAX_FILE_BYTES)
    while True:
        entry = log.append("acknowledgement", "alice", {"note": "x" * (7 * len(log.entries(limit=500)) % 900)})
        sys.stdout.write(f"{entry.sequence}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
