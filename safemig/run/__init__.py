"""A run: from the journal and the world to the verdict."""
