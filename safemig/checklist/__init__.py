"""Checklist items: what they name, where that is found, what is proved, and the tick.

It imports requirements, runtimes and below.
"""
