"""What an audit says, in words, as JSON, as a gate."""
