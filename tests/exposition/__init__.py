"""Tests of what the outside sees."""
