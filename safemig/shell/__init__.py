"""Shell lines and Makefiles as trees: what they run, what that does at worst, and how a line is rewritten.

Nothing is run or expanded. It imports sql, execution and base.
"""
