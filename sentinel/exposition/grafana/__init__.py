"""Writes to a Grafana: dashboards when asked, marks of verdicts as they change."""
