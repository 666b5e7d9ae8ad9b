"""What the page of people is made of: accounts, a roster from a file, keys for programs."""
