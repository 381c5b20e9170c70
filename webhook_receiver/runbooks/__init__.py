"""Runbooks: pages for people whose front matter a machine may carry out, behind gates."""
