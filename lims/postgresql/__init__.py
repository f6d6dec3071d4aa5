"""Django's PostgreSQL backend, with an end to its patience: `lims/patience.py` says how long who waits."""
