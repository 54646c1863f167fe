"""Live counts held against the baseline: performance, gap, launch window, feature association."""
