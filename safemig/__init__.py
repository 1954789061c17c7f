"""The engine: configuration, discovery, plan, policy, run, events, journal, report, command line."""

__version__ = "0.1.0"
