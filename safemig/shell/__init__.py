"""What a shell line or a recipe runs, and how it is rewritten for another tool.

It imports sql, execution and base.
"""
