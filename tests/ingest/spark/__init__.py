"""Tests of the Spark engine without Spark."""
