"""A run, finished or not, as text for people and programs. Pure.

It imports engine and below.
"""
