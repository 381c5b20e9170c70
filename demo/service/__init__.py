"""A small real WedSync, instrumented by the public API, with faults on request."""
