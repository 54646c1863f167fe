"""Start, reload and stop: the daemon, the replay, and the evaluation that both share."""
