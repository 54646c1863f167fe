"""Real servers and other outside things that tests lean on."""
