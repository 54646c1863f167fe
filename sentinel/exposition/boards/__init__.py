"""The Grafana dashboards, a module for each board."""
