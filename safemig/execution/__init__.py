"""Commands of the project as child processes that outlive the engine, and what lives of them.

It imports base.
"""
