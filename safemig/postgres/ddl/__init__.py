"""DDL from the difference of two schemas, from the definitions that PostgreSQL itself prints.

It imports what postgres imports.
"""
