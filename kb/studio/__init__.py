"""The life of an article: written as a draft, saved over what is on disk, moved from state to state, looked at
again when it is due, and taken in and out of the base. Files stay the source of truth; who and when is kept here."""
