"""Text, words, files, actions and redaction: what every other package may need.

It imports the standard library, msgspec and checks only.
"""
