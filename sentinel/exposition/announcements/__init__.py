"""Changes of verdicts and alerts as CloudEvents, each announced exactly once."""
