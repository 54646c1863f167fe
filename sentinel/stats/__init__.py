"""Estimators and tests that read sums, never rows: pure functions of counts and power sums."""
