"""Turns one outside request into one room call and shows the answer. Nothing imports a door but a door."""
