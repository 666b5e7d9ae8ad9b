"""When the server is gone: the base as one file that any browser can open and search, and what comes back."""
