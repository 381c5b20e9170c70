"""Figures, measured on real parts in one run. Nothing here is a test: machines differ, and noise is printed too."""
