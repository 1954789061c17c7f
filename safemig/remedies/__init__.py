"""A red baseline made green: test target, test packages, lock.

It imports requirements, runtimes and below.
"""
