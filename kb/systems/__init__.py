"""Other systems: what happened that they want to hear, who is told it until they have it, what they were answered.

And what the app servers of one base tell each other."""
