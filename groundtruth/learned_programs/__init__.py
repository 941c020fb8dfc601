"""Programs learned by gradient descent, after Transformer Programs (Friedman et al. 2023, arXiv 2306.01128)."""
