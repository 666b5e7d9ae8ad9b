"""The parts of the insights page, a module each; `looked` is what they share."""
