"""What callers ask and nobody can answer yet: recorded in one key, joined by the next who meets it."""
