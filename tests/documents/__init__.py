"""What the documents say: links, commands, configurations and events in them."""
