"""Every metric, declared once: of models in one room, of the daemon in another."""
