"""Whether an action may be done, must be asked about, or is refused, and by which rule.

It imports journal and below.
"""
