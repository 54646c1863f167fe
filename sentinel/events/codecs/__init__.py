"""Readers of event formats: bytes or tables in, columns out."""
