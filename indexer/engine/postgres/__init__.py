"""Vectors, words and texts of a generation in PostgreSQL: what is written, and what a search asks of it."""
