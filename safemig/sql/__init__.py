"""PostgreSQL's language: statements, names, types and the objects that statements are about.

It imports base.
"""
