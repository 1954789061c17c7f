"""The revision graph, the project's way of writing migrations, and the revision a database is at."""
