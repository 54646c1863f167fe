"""From findings to a verdict: which cause explains the gap, how sure, and what is missing to say more."""
