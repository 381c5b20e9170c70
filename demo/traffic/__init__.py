"""A seeded load driver: a wedding Saturday, compressed, in every region."""
