"""Specs: Markdown documents, their phases, and what they ask of the schema."""
