"""Watches models in production and says when the offline-online gap means data leakage, and why."""

__version__ = "0.1.0"
