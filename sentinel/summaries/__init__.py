"""Mergeable counts: the Layout that gives them meaning, the Summary that holds them, the panes that order them."""

from sentinel.summaries.algebra import Reducer, Summary, SummaryKind
from sentinel.summaries.layout import FeatureBins, Layout, SliceColumn
from sentinel.summaries.panes import PaneBook

__all__ = ["FeatureBins", "Layout", "PaneBook", "Reducer", "SliceColumn", "Summary", "SummaryKind"]
