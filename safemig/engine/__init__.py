"""Drives a run: what a step takes for granted, the question, the act, the look, the journal.

It imports planning, policy and below.
"""
