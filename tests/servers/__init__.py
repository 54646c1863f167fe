"""Tests of the servers that other tests lean on."""
