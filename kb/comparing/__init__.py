"""What a text says, beside what the base says already: asked before, said otherwise."""
