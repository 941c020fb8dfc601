"""Other weights for a known truth: symmetries keep the circuit, hardenings change how hard it is to find."""
