"""Where events come from: files and Kafka behind one contract."""
