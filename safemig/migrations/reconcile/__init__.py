"""CREATE of an object that is there already, as the changes that lead to it.

It imports what migrations imports.
"""
