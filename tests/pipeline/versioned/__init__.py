"""Tests of stores that are kept as versions."""
