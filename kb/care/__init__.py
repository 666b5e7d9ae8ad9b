"""What keeps the house standing: a sample month for whoever has none yet."""
