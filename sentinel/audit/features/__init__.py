"""What single columns say: of the outcome, of each other, in one file and in the other."""
