"""What the metric is without what a finding taints, and whether that is worth a stop."""
