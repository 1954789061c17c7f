"""The SQLAlchemy models of a project: read, proposed, edited and checked.

It imports migrations and below.
"""
