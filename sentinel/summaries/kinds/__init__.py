"""What a Summary counts, one kind a file. Add a kind to ``sentinel.summaries.registry`` and the law tests find it."""
