"""How the running program is seen from outside: what it logs and what it counts, and nothing about anybody in it."""
