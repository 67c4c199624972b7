"""The schema's steps, for Alembic: `versions` holds one module a step, `env` connects them to a connection."""
