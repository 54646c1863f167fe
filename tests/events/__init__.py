"""Events: decoding, repair, times and keys."""
