"""`python -m indexer`."""

from kb.doors.index_cli import main

main(prog_name="python -m indexer")
