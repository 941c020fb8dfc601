"""Numbers with their nouns, as sentences have them: ``1 layer x 4 heads``."""


def plural(n: int, noun: str) -> str:
    """Write ``1 model``, ``2 models``."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def layers_by_heads(n_layers: int, n_heads: int) -> str:
    """Write ``1 layer x 4 heads``: how many blocks a model has, and how many heads each of them."""
    return f"{plural(n_layers, 'layer')} x {plural(n_heads, 'head')}"
