"""What a fitted preprocessing has taken from which rows."""
