"""The Python interface: baselines, replays and what is made of a report, from frames."""
