"""Looks at the running service: containers, start-up log, endpoints."""
