"""PostgreSQL's language, read by PostgreSQL's own parser (libpg_query).

May import the standard library, msgspec and safemig.base only; everything that reads SQL stands above it.
"""
