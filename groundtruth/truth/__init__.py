"""What is true of a compiled model, with proofs that a machine checks again."""
