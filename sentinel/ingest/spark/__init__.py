"""Spark as an engine: streams of topics that are keyed by anything, and files that are too large for one machine."""
