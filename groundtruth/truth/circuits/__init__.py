"""The exact circuit of a compiled model: a status and a re-checkable proof for every edge."""
