"""Transformers that were trained to compute a program by a known circuit, and the certificate of that circuit."""
