"""Generations as rows of a database server: written in one transaction, verified, pointed at, followed, collected."""
