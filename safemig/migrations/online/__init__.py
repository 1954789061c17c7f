"""The form of a change that holds locks least, for tables that are in use.

It imports what migrations imports.
"""
