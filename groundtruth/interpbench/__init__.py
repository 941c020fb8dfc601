"""InterpBench's models (Gupta et al. 2024, arXiv 2407.14494): read, measured, and trained as published."""
