"""Spark Structured Streaming as an engine: reads topics that are keyed by anything, and shuffles them by prediction."""
