"""What a project applies to its database by itself: when it is built, started or tested, or when a file is written.

It imports what planning imports.
"""
