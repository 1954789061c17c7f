"""Proposals: what safemig would write, worked out as text, shown as a diff and written only once approved."""
