"""The embedded transactional store that holds what waits for its outcome, one store per input partition."""
