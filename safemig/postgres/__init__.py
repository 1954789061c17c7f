"""PostgreSQL servers with a life cycle of our own.

It imports sql, execution and base.
"""
