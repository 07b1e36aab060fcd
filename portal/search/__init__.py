"""Global search: exact identifiers first, then names and addresses."""
