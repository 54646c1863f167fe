"""Static leakage checks on training and validation data (built by a later issue)."""
