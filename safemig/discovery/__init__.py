"""Finds what a project is made of. Reads files only: nothing of the project is executed or imported."""
