"""Looks at a project's files: what they define and use."""
