"""`python -m kb`."""

from kb.doors.cli import main

main(prog_name="python -m kb")
