"""Events of a run, the file that holds them, and the one state that they come to.

It imports signals and below.
"""
