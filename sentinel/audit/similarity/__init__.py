"""Which rows are alike, and how many would be by chance."""
