"""The life of an article: read from Markdown, checked, and kept true."""
