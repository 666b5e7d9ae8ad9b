"""What happens while the caller is on the line: every event kept, so that the next caller is answered better."""
