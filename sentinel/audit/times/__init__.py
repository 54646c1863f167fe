"""What the times of the rows say of the split."""
