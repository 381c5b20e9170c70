"""What is kept how long: the receiver lets go of what is over and old."""
