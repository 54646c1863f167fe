"""Shapes of messages: what each producer writes, read as the events of the public contract."""
