"""What is written when: configuration, tables, pictures, predictions."""
