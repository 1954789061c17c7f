"""Facts, and the plan as a pure function of them.

It imports sandbox, checklist, remedies, journal and below.
"""
