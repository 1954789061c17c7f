"""What a project applies to its database by itself: when it is built, started, tested, or when a file is written."""
