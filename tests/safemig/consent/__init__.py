"""Who answered, and whose a file is."""
