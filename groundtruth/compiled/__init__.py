"""The value that is proven: a network with its program, domain, decoder and provenance."""
