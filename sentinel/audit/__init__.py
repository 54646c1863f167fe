"""Static leakage checks: training and validation rows, their split and manifest, before anything is deployed."""
