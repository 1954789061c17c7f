"""Consent: who answered, and which files are the person's own."""
