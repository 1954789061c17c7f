"""The watchdog of a change: who waits behind it in PostgreSQL, and when its own statement is cancelled for them.

Looks through ``checks`` and the runtimes, and knows nothing of runs and plans.
"""
