#!/bin/sh
# Brings the database up to date, then runs what the image was given.
set -e
uv run --frozen alembic upgrade head
exec "$@"
