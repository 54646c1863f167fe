"""Reading Kafka's record batches into columns, without an object a record."""
