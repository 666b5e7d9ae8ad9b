"""Turns articles into a published, searchable generation. The only home of faiss and sentence-transformers."""

import os

# Before torch and faiss load: threads of theirs that wait shall sleep. Spinning, they stop each other on a
# busy machine: one query then took 419 ms (1.9 s at worst) where it takes 10 ms asleep, measured side by side.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
