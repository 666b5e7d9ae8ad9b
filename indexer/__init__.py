"""Turns articles into a published, searchable generation. The only home of faiss and sentence-transformers."""
