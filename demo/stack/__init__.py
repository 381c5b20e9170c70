"""The real programs of the stack, obtained and run on loopback: for the demo, the tests and the benchmarks."""
