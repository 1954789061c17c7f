"""Snapshots of a PostgreSQL schema and the difference of two of them."""
