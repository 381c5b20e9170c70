"""Flask plumbing of both services: who may call, how much they may send, and how an answer looks."""
