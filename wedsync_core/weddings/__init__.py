"""The list of real weddings: read, checked, kept, and never taken for more than it is."""
