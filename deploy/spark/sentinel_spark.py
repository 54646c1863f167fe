"""What spark-submit is given: ``spark-submit ... sentinel_spark.py --config C --state S`` is ``sentinel spark``."""

from __future__ import annotations

import sys

from sentinel.cli import main

if __name__ == "__main__":
    sys.exit(main(["spark", *sys.argv[1:]]))
