"""The demonstration: the stack on loopback, and a small real WedSync for it to watch."""
