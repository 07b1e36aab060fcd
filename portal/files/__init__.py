"""Photos and documents: stored through fsspec, shown by links that end."""
