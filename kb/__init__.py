"""Firstcall: the knowledge base that answers while the caller is still talking."""
