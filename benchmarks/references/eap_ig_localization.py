"""Times EAP-IG (https://github.com/hannamw/EAP-IG) on the task of ``localization.py``, which runs this file.

Where MIB-circuit-track (https://github.com/hannamw/MIB-circuit-track) is installed too, also its CPR and CMD.

The interpreter has to import ``eap`` and TransformerLens 2 or 3. EAP-IG allocates its scores on ``cuda``; here that
name is given the CPU. Its tokenizer is left out: both sides are given the same ids. Nothing else of it is changed.
"""

import contextlib
import importlib.util
import os
import sys
from functools import partial

import eap.attribute
import eap.evaluate
import torch
import transformers
from eap.graph import Graph
from reference_run import print_measured, read_job, time_in_units
from transformer_lens import HookedTransformer, HookedTransformerConfig
from transformer_lens.pretrained.weight_conversions import convert_gpt2_weights

NAMES = {
    "exact": "exact", "eap": "EAP", "eap-ig-inputs": "EAP-IG-inputs", "clean-corrupted": "clean-corrupted",
    "eap-ig-activations": "EAP-IG-activations", "ifr": "information-flow-routes",
}  # fmt: skip
"""Our names of methods, and theirs."""

REPEATS = {"exact": 1, "eap-ig-activations": 2}
"""Fewer repeats of what takes long."""


def hooked(plain):
    """The checkpoint as EAP-IG wants it."""
    own = plain.config
    config = HookedTransformerConfig(
        n_layers=own.n_layer, d_model=own.n_embd, n_heads=own.n_head, d_head=own.n_embd // own.n_head,
        d_mlp=4 * own.n_embd, n_ctx=own.n_positions, d_vocab=own.vocab_size, act_fn="gelu_new",
        normalization_type="LN", device="cpu", use_attn_result=True, use_split_qkv_input=True, use_hook_mlp_in=True,
    )  # fmt: skip
    model = HookedTransformer(config)
    model.load_state_dict(convert_gpt2_weights(plain, config), strict=False)
    return model.eval()


def same_as(plain, ids):
    """The checkpoint as EAP-IG wants it, held to its logits on some inputs."""
    model = hooked(plain)
    with torch.no_grad():
        off = float((model(ids) - plain(ids).logits).abs().max())
    if off > 1e-3:
        raise SystemExit(f"the checkpoint gives other logits in TransformerLens, by {off:.2g}: nothing to compare.")
    return model


def put_on_cpu():
    """Let tensors that ask for cuda be made on the CPU."""
    zeros = torch.zeros
    torch.zeros = lambda *size, **how: zeros(*size, **{**how, "device": "cpu"})


def areas(model, scores, data, metric):
    """CPR and CMD of scored edges as MIB's own evaluation computes them, with the faithfulness of their circuits."""
    from MIB_circuit_track.evaluation import evaluate_area_under_curve

    graph = Graph.from_model(model)
    for name, score in scores.items():
        graph.edges[name].score = score
    # It prints a line a circuit.
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere), contextlib.redirect_stderr(nowhere):
        curves = [
            evaluate_area_under_curve(model, graph, data, metric, quiet=True, absolute=absolute)
            for absolute in (False, True)
        ]
    (_, cpr, _, _, signed), (_, _, cmd, _, absolute) = curves
    return {"cpr": cpr, "cmd": cmd, "signed": signed, "absolute": absolute}


def measured_areas(job, found, unit):
    """Time CPR and CMD, if MIB's evaluation is installed."""
    if not importlib.util.find_spec("MIB_circuit_track"):
        print("MIB_circuit_track cannot be imported: CPR and CMD are not compared.", file=sys.stderr)
        return {}
    units, seconds = time_in_units(found, unit, min(job["repeats"], 3))
    return {"CPR + CMD": {"units": units, "seconds": seconds, **found()}}


def main():
    torch.set_num_threads(1)
    transformers.logging.disable_progress_bar()
    put_on_cpu()
    job = read_job()
    plain = transformers.GPT2LMHeadModel.from_pretrained(job["checkpoint"]).eval()
    model = same_as(plain, torch.tensor(job["clean"]))
    clean, counterfactual = torch.tensor(job["clean"]), torch.tensor(job["counterfactual"])
    right, wrong = torch.tensor(job["correct"]), torch.tensor(job["incorrect"])
    lengths = torch.full((len(clean),), clean.shape[1])

    def ids_of(model, inputs, max_length=None):
        ids = counterfactual if inputs[0] == "counterfactual" else clean
        return ids, torch.ones_like(ids), lengths, ids.shape[1]

    eap.attribute.tokenize_plus = eap.evaluate.tokenize_plus = ids_of

    def difference(logits, clean_logits, input_lengths, label):
        last, rows = logits[:, -1], torch.arange(len(logits))
        return last[rows, right] - last[rows, wrong]

    def loss(*given, whole):
        each = -difference(*given)
        return each.sum() if whole else each

    data = [(["clean"] * len(clean), ["counterfactual"] * len(clean), None)]

    def run(name):
        graph = Graph.from_model(model)
        metric = partial(loss, whole=name != "exact")
        eap.attribute.attribute(model, graph, data, metric, NAMES[name], ig_steps=job["steps"], quiet=True)
        return graph

    @torch.no_grad()
    def unit():
        plain(clean)

    measured = {}
    for name in job["methods"]:
        units, seconds = time_in_units(partial(run, name), unit, min(job["repeats"], REPEATS.get(name, 99)))
        scores = {edge: float(found.score) for edge, found in run(name).edges.items()} if name != "exact" else {}
        measured[name] = {"units": units, "seconds": seconds, "scores": scores}
    if job["scores"]:
        measured |= measured_areas(job, partial(areas, model, job["scores"], data, difference), unit)
    print_measured({"methods": measured, "versions": {"torch": torch.__version__}})


if __name__ == "__main__":
    main()
