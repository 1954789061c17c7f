"""The three signals, judged from evidence before and after.

It imports project and below.
"""
