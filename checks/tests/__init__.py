"""Reads a test run: progress, counts, names, and what a runner says of itself."""
