"""Looks at the world and returns evidence: no plan, no policy, nothing is started in here."""
