"""Both files and what is stated of them: read in batches, as columns that every check shares."""
