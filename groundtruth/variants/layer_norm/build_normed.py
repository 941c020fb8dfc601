"""Build the models behind LayerNorm that ship: ``python -m groundtruth.variants.layer_norm.build_normed``."""

import argparse
import sys
from pathlib import Path

from groundtruth.model import load_compiled
from groundtruth.store.catalog import layernorm_folder
from groundtruth.store.save_trained import save_trained
from groundtruth.store.write_index import write_trained_index
from groundtruth.variants.layer_norm.normed_model import add_layer_norm

MODELS = (
    "hist",
    "seen_before",
    "follow_pointer_twice",
    "first_letters",
    "contains_x",
    "previous_token",
    "second_step",
    "odd_one_out",
)
"""The models that ship on every tier; ``second_step`` stands in for ``frac_prevs``, which gives a number."""


def main() -> int:
    """Put the named models, or all that ship, behind LayerNorm, certify and store them, and write their index."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=MODELS, help="compiled models; default: those that ship")
    parser.add_argument("--out", type=Path, default=layernorm_folder(), help="folder of all models behind LayerNorm")
    given = parser.parse_args()
    for name in given.names:
        model = add_layer_norm(load_compiled(name))
        save_trained(model, given.out / model.name)
        certificate = model.certificate
        told = f"{model.name}  {certificate.seconds:.1f} s  {certificate.cells:,} runs  {model.circuit()}\n"
        sys.stdout.write(told)
        sys.stdout.flush()
    write_trained_index(given.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
