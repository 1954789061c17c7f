"""The SQLAlchemy models of a project: what is there, and the edits that a phase of a spec makes of them."""
