"""The loop, the join and the checkpoint: from decoded batches to summaries."""
