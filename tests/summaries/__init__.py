"""Summaries: the laws of the algebra, the wire format, panes, rows, layouts."""
