"""The looks at project and world that the facts of a plan come from.

It imports what planning imports.
"""
