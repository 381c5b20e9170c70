"""What all replicas share: the clock, the version, who does what alone."""
