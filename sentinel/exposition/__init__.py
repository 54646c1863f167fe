"""What the outside sees: metrics, the HTTP application, alert rules."""
