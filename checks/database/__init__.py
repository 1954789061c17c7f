"""Looks at a live database: activity, who uses it, rows."""
