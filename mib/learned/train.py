"""Train a learned model: a small transformer on a mixture of tasks, with a loss on the answers alone.

A run that is stopped continues where its last state was kept, and ends with the same weights as one that was not.
"""

import json
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mib.errors import FormatError
from mib.learned.drills import Drill, copying, recalling
from mib.learned.grade import share_right
from mib.learned.recipe import Recipe, Stage
from mib.learned.training_prompts import Prompts, answer_logits, prompts_of
from mib.learned.vocabulary import BOS, PAD, SPECIAL, tokenizer_of, words_of
from mib.tasks.data_parts import Part
from mib.tasks.mcqa import DIGITS, LETTERS
from mib.whole_files import write_whole

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerFast

Tell = Callable[[str], None]
"""Is told how training goes."""

EVERY = 100
"""Updates between two entries of the log, and two states that are kept."""

LABELS = LETTERS + DIGITS
"""Labels that drills give to words, as multiple choice does."""

N_VALIDATION = 200
"""Base prompts of each task, of the part ``validation``, that the log's accuracies are from."""


@dataclass(frozen=True, eq=False)
class Trained:
    """A model with its tokenizer, and how it came to be.

    Attributes:
        model: The model, in evaluation mode.
        tokenizer: Its tokenizer.
        log: By step, and by task or drill: the mean ``loss`` since the entry before, and of tasks the ``accuracy`` on
            validation prompts.
    """

    model: "PreTrainedModel"
    tokenizer: "PreTrainedTokenizerFast"
    log: "Log"


Log = dict[int, dict[str, dict[str, float]]]


def train(
    recipe: Recipe, *, state: Path | None = None, stop_at: int | None = None, tell: Tell = lambda _: None
) -> Trained:
    """Train from a recipe.

    Args:
        recipe: Recipe to train by.
        state: Folder where the state is kept every ``EVERY`` updates, and continued from if one is there.
        stop_at: Stop after this update, as if interrupted.
        tell: Is told the losses.

    Raises:
        FormatError: If the kept state is of another recipe.
    """
    tokenizer = tokenizer_of(words_of(recipe.tasks))
    model = _untrained(recipe, tokenizer)
    optimizer = _optimizer(model, recipe)
    log: Log = {}
    start = _restore(state, recipe, model, optimizer, log) if state else 0
    pools: dict[str, Prompts] = {}
    stage = None
    unseen = {name: _pool(name, tokenizer, recipe, "validation", N_VALIDATION) for name in recipe.tasks}
    since: list[dict[str, float]] = []
    began = time.perf_counter()
    for step in range(start, recipe.steps if stop_at is None else stop_at):
        if recipe.stage(step) != stage:
            stage = recipe.stage(step)
            pools = _pools(stage, tokenizer, recipe)
        drills = _drills(recipe, tokenizer, step)
        since.append(_update(model, optimizer, dict(_batches(recipe, pools, step)), drills, recipe, step))
        if (step + 1) % EVERY == 0 or step + 1 == recipe.steps:
            log[step + 1] = {
                name: {"loss": fmean(e[name] for e in since if name in e), "accuracy": share_right(model, unseen[name])}
                for name in recipe.mixture(step)
            }
            log[step + 1] |= {name: {"loss": fmean(e[name] for e in since if name in e)} for name in drills}
            tell(f"{step + 1}/{recipe.steps}  {time.perf_counter() - began:.0f} s  {_spelt(log[step + 1])}")
            since = []
            if state:
                _keep(state, recipe, model, optimizer, log)
    return Trained(model.eval(), tokenizer, log)


def _spelt(entry: Mapping[str, Mapping[str, float]]) -> str:
    return " ".join(
        f"{name} {values['loss']:.3f}" + (f" ({values['accuracy']:.1%})" if "accuracy" in values else "")
        for name, values in entry.items()
    )


def _untrained(recipe: Recipe, tokenizer: "PreTrainedTokenizerFast") -> "PreTrainedModel":
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        make = _gpt2 if recipe.architecture == "gpt2" else _llama
        model = make(recipe, tokenizer.get_vocab()).train()
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith(("attn.c_attn.weight", "q_proj.weight", "k_proj.weight", "v_proj.weight")):
                weight *= recipe.attention_scale
    return model


def _gpt2(recipe: Recipe, words: Mapping[str, int]) -> "PreTrainedModel":
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(
        vocab_size=len(words),
        n_positions=recipe.n_positions,
        n_embd=recipe.d_model,
        n_layer=recipe.n_layers,
        n_head=recipe.n_heads,
        activation_function="gelu_pytorch_tanh",  # that of GPT-2, in one kernel
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=words[BOS],
        eos_token_id=words[PAD],
    )
    return GPT2LMHeadModel(config)


def _llama(recipe: Recipe, words: Mapping[str, int]) -> "PreTrainedModel":
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=len(words),
        max_position_embeddings=recipe.n_positions,
        hidden_size=recipe.d_model,
        intermediate_size=8 * recipe.d_model // 3,  # three matrices of this size hold as much as GPT-2's two
        num_hidden_layers=recipe.n_layers,
        num_attention_heads=recipe.n_heads,
        num_key_value_heads=recipe.n_kv_heads or recipe.n_heads,
        tie_word_embeddings=True,
        bos_token_id=words[BOS],
        eos_token_id=words[PAD],
    )
    return LlamaForCausalLM(config)


def _optimizer(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    matrices = [p for p in model.parameters() if p.ndim == 2]
    vectors = [p for p in model.parameters() if p.ndim != 2]
    groups: list[dict[str, Any]] = [{"params": matrices, "weight_decay": recipe.weight_decay}]
    groups.append({"params": vectors, "weight_decay": 0.0})
    return torch.optim.AdamW(groups, lr=recipe.rate(0), betas=(0.9, recipe.beta_2))


def _pool(
    name: str,
    tokenizer: "PreTrainedTokenizerFast",
    recipe: Recipe,
    part: Part,
    n: int,
    left_out: Collection[str] = (),
) -> Prompts:
    return prompts_of(name, tokenizer, n=n, seed=recipe.seed, part=part, left_out=left_out)


def _pools(stage: Stage, tokenizer: "PreTrainedTokenizerFast", recipe: Recipe) -> dict[str, Prompts]:
    """The prompts that training draws from, of each task as many base prompts as each part has of the whole."""
    sizes: dict[Part, int] = {part: recipe.n_drawn // (1 if part == "train" else 8) for part in stage.parts}
    return {
        name: Prompts.joined(
            [_pool(name, tokenizer, recipe, part, n, stage.left_out.get(name, ())) for part, n in sizes.items()]
        )
        for name in stage.tasks
    }


def _batches(recipe: Recipe, pools: Mapping[str, Prompts], step: int) -> Iterator[tuple[str, Prompts]]:
    """The prompts of an update, a function of the step alone, so that a continued run sees what it would have seen."""
    generator = _generator(recipe, step)
    for name, n in recipe.mixture(step).items():
        yield name, pools[name].take(torch.randint(len(pools[name]), (n,), generator=generator))


def _drills(recipe: Recipe, tokenizer: "PreTrainedTokenizerFast", step: int) -> Mapping[str, Drill]:
    """The drills of an update, of any words but the special ones; a function of the step alone too."""
    n = recipe.n_drills(step)
    if not n:
        return {}
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    words = torch.tensor(sorted(i for word, i in vocabulary.items() if word not in SPECIAL))
    labels = torch.tensor([vocabulary[word] for word in LABELS])
    generator = _generator(recipe, step)
    begin = vocabulary[BOS]
    return {
        "copying": copying(words, begin, n, generator),
        "recalling": recalling(words, labels, vocabulary["."], begin, n, generator),
    }


def _generator(recipe: Recipe, step: int) -> torch.Generator:
    # Seeds stand further apart than any training has updates, so that no two share a draw.
    return torch.Generator().manual_seed(recipe.seed * 1_000_003 + step)


def _update(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Mapping[str, Prompts],
    drills: Mapping[str, Drill],
    recipe: Recipe,
    step: int,
) -> dict[str, float]:
    """One update, in which each prompt counts as much as each sequence of a drill; the loss of each task."""
    for group in optimizer.param_groups:
        group["lr"] = recipe.rate(step)
    optimizer.zero_grad()
    prompts = Prompts.joined([*batches.values()])
    losses, weight = torch.zeros(len(prompts)), len(prompts) + sum(len(drill.tokens) for drill in drills.values())
    for indices in prompts.by_length():
        found = answer_losses(model, prompts.take(indices))
        (found.sum() / weight).backward()
        losses[indices] = found.detach()
    practised: dict[str, float] = {}
    for name, drill in drills.items():
        loss = drill_loss(model, drill)
        (loss * len(drill.tokens) / weight).backward()
        practised[name] = float(loss.detach())
    nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
    optimizer.step()
    parts = losses.split([len(part) for part in batches.values()])
    return {**{name: float(part.mean()) for name, part in zip(batches, parts, strict=True)}, **practised}


def answer_losses(model: nn.Module, prompts: Prompts) -> Float[Tensor, "prompt"]:
    """Cross-entropy with the uniform distribution over the right answers of each prompt, in nats."""
    log_probability = answer_logits(model, prompts).log_softmax(-1)
    right = prompts.accepted.to(log_probability)
    return -(log_probability * right).sum(-1) / right.sum(-1)


def drill_loss(model: nn.Module, drill: Drill) -> Float[Tensor, ""]:
    """Mean cross-entropy of the next token where it is asked for, in nats."""
    network: Any = model
    stream = network.base_model(drill.tokens, use_cache=False).last_hidden_state
    return nn.functional.cross_entropy(network.lm_head(stream[drill.asked]), drill.answers)


# -- the state of a run ---------------------------------------------------------------------------------------------

_WEIGHTS, _OPTIMIZER, _PROGRESS = "weights.safetensors", "optimizer.safetensors", "progress.json"

_OF_A_STEP = rf"[0-9]+-({_WEIGHTS}|{_OPTIMIZER})"
"""Names of the files that an earlier step has left."""


def _keep(folder: Path, recipe: Recipe, model: nn.Module, optimizer: torch.optim.Optimizer, log: Log) -> None:
    """Write the state; the file of the progress, which says that the others are whole, last."""
    step = max(log)
    folder.mkdir(parents=True, exist_ok=True)
    moments = {
        f"{index}.{key}": torch.as_tensor(value)
        for index, entry in optimizer.state_dict()["state"].items()
        for key, value in entry.items()
    }
    weights = {name: p.detach().contiguous() for name, p in model.named_parameters()}
    save_file(weights, folder / f"{step}-{_WEIGHTS}")
    save_file(moments, folder / f"{step}-{_OPTIMIZER}")
    progress = {"step": step, "recipe": asdict(recipe), "log": log}
    write_whole(folder / _PROGRESS, json.dumps(progress).encode())
    for old in folder.glob("*.safetensors"):  # the folder may hold others' weights, such as a checkpoint
        if re.fullmatch(_OF_A_STEP, old.name) and not old.name.startswith(f"{step}-"):
            old.unlink()


def _restore(folder: Path, recipe: Recipe, model: nn.Module, optimizer: torch.optim.Optimizer, log: Log) -> int:
    """Read the state, if there is one; the number of updates that it has behind it."""
    path = folder / _PROGRESS
    if not path.is_file():
        return 0
    progress = json.loads(path.read_text())
    if progress["recipe"] != json.loads(json.dumps(asdict(recipe))):
        raise FormatError(f"{path} was kept by another recipe: remove {folder} or give the recipe that it names.")
    step = int(progress["step"])
    weights = load_file(folder / f"{step}-{_WEIGHTS}")
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights[name])
    entries: dict[int, dict[str, Tensor]] = {}
    for name, value in load_file(folder / f"{step}-{_OPTIMIZER}").items():
        index, _, key = name.partition(".")
        entries.setdefault(int(index), {})[key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": entries})
    log.update({int(key): value for key, value in progress["log"].items()})
    return step
