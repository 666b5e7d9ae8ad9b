"""What editors tell the search: words that mean the same to a caller, and articles that answer a question for now.
Both live in files beside the articles."""
