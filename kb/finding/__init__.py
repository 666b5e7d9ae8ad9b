"""A question becomes hits, a verdict and the sentence to say."""
