"""The throwaway database: desired schema, round trip, drift, all in a child process.

It imports requirements, runtimes and below.
"""
