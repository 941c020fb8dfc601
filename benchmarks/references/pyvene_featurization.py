"""Times pyvene (https://github.com/stanfordnlp/pyvene) on the task of ``featurization.py``, which runs this file.

The interpreter has to import ``pyvene``. The loop is that of pyvene's own tutorials: a batch of interchanges by the
intervenable model, cross-entropy at the last position, AdamW.
"""

import pyvene
import torch
import transformers
from reference_run import print_measured, read_job, time_in_units

INTERVENTIONS = {
    "das": lambda job: {
        "intervention_type": pyvene.LowRankRotatedSpaceIntervention, "low_rank_dimension": job["rank"]
    },
    "dbm": lambda job: {"intervention_type": pyvene.SigmoidMaskIntervention},
}  # fmt: skip
"""Our names of methods, and what they are there."""


def main():
    torch.set_num_threads(1)
    transformers.logging.disable_progress_bar()
    job = read_job()
    plain = transformers.GPT2LMHeadModel.from_pretrained(job["checkpoint"]).eval()
    base, source, expected = (torch.tensor(job[name]) for name in ("base", "source", "expected"))
    last, size = base.shape[1] - 1, job["batch_size"]

    def train(name):
        """Learn, and give the loss on all pairs at the end."""
        torch.manual_seed(0)
        where = {"layer": job["layer"], "component": "block_output", **INTERVENTIONS[name](job)}
        model = pyvene.IntervenableModel(pyvene.IntervenableConfig([where]), model=plain)
        model.disable_model_gradients()
        optimizer = torch.optim.AdamW(model.get_trainable_parameters(), lr=1e-2, weight_decay=0.0)

        def loss(rows):
            given, taken = {"input_ids": base[rows]}, {"input_ids": source[rows]}
            logits = model(given, [taken], {"sources->base": last})[1].logits[:, -1]
            return torch.nn.functional.cross_entropy(logits, expected[rows])

        order = torch.randperm(len(base)).split(size)
        for step in range(job["steps"]):
            if name == "dbm":  # as ours: from 1 to 0.01
                model.set_temperature(torch.tensor(1.0 + (0.01 - 1.0) * step / (job["steps"] - 1)))
            found = loss(order[step % len(order)])
            optimizer.zero_grad()
            found.backward()
            optimizer.step()
        with torch.no_grad():
            return float(loss(torch.arange(len(base))))

    @torch.no_grad()
    def unit():
        plain(base[:size])

    def measure(name):
        losses = []
        units, seconds = time_in_units(lambda: losses.append(train(name)), unit, job["repeats"])
        return {"units": units, "seconds": seconds, "loss": losses[-1]}

    print_measured({name: measure(name) for name in job["methods"]})


if __name__ == "__main__":
    main()
