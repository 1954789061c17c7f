"""Schema changes in the terms of Alembic: read, written, turned round, and made online.

It imports project and below.
"""
