"""Whether a model's parts compute what the model computes, told apart from rounding.

Logits at the end of a deep model say little: in bfloat16 a sound model's own rounding may grow to the size of its
logits, and a window that a few tokens do not reach leaves no trace. So a bridge is compared a block at a time, each
block on what the model itself puts into it, in single precision or better, with windows made narrow for the while.
What rounding may do is measured: the same block in single and in double precision.
"""

import contextlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mib.errors import MibError, TaskError, first_line
from mib.models.adapters.anatomy import Anatomy
from mib.models.adapters.bridge import decompose_block, decompose_ends, refusal
from mib.models.adapters.parts import Context, Stream

T = TypeVar("T")

HALF = (torch.bfloat16, torch.float16)

N_TOKENS = 8
"""Tokens that a bridge is compared on; windows are narrowed to ``WINDOW``, so that these reach beyond them."""

WINDOW = 3

MOST_TOKENS = 256
"""Tokens, at most, that any other model is compared on: their windows, if they have some, cannot be narrowed."""

TOLERANCE = {torch.float64: 1e-6, torch.float32: 1e-3}  # of the largest logit; half precision: 5e-2

_ADVICE = {  # where logits are not finite
    torch.float16: "Try dtype='bfloat16' or 'float32'.",
    torch.bfloat16: "Try dtype='float32'.",
    torch.float32: "Try dtype='float64', or look for weights that are no numbers.",
    torch.float64: "Look for weights that are no numbers.",
}

MOST_ROUNDING = 0.1
"""Largest error as a share of the largest logit: with more than that, rounding decides what a model puts out, and a
comparison tells nothing."""


@torch.no_grad()
def verify_module(model: nn.Module, anatomy: Anatomy) -> Anatomy:
    """Compare the logits of a module that is no bridge with those of its parts.

    Raises:
        TaskError: If they differ by more than rounding.
    """
    tokens = _tokens(anatomy, min(MOST_TOKENS, anatomy.max_positions or MOST_TOKENS))
    expected, got = _logits(model, anatomy, tokens)
    error, scale = float((expected - got).abs().max()), float(expected.abs().max())
    summed = float(anatomy.token_embedding.abs().max())  # logits may cancel to 0 but for rounding
    allowed = TOLERANCE.get(got.dtype, 5e-2) * max(scale, summed, 1e-9)
    if not error <= allowed:
        low = got.dtype if got.dtype in HALF else torch.float32
        in_low, in_high = (_cast(anatomy, dtype).logits(tokens).double() for dtype in (low, torch.float64))
        rounding = float((in_low - in_high).abs().max())
        explained = error <= 8 * rounding  # never where either is no number
        if explained and rounding > MOST_ROUNDING * scale and got.dtype != torch.float64:
            raise TaskError(
                f"rounding decides what a {type(model).__name__} puts out in {str(low).removeprefix('torch.')}: its "
                f"logits differ by {rounding:.1e} from those in float64 (largest logit {scale:.1e}). Run it in float64 "
                "(dtype=torch.float64)."
            )
        if not (explained and rounding <= MOST_ROUNDING * scale):
            raise TaskError(
                f"a {type(model).__name__} taken apart computes something else: its logits are off by {error:.1e} "
                f"(largest logit {scale:.1e}) on {tokens.shape[1]} tokens. Is it in eval() mode, without hooks, and "
                "has it no part beside embeddings, attention, MLPs and norms?"
            )
    return anatomy


@torch.no_grad()
def verify_bridge(bridge: Any, anatomy: Anatomy) -> Anatomy:
    """Compare every block of a ``TransformerBridge``, and what is before and behind them, with its parts.

    Raises:
        TaskError: Naming the first part that computes something else, or why, where that is known.
    """
    tokens = _tokens(anatomy, min(N_TOKENS, anatomy.max_positions or N_TOKENS))
    try:
        _logits(bridge, anatomy, tokens)
        _compare_parts(bridge, anatomy, tokens)
    except (MibError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # a part that is called otherwise than Anatomy calls it
        raise refusal(bridge, f"{type(error).__name__}: {first_line(error)}") from error
    return anatomy


def _compare_parts(bridge: Any, anatomy: Anatomy, tokens: Tensor) -> None:
    outside = [module for name, module in bridge.named_children() if name != "blocks"]
    with _narrow_window(bridge.original_model.config, anatomy), _single_precision(*outside):
        check = _Comparison(bridge, decompose_ends(bridge, ()))
        with check.watching():
            logits: Tensor = bridge(tokens)
        check.ends(tokens, logits)


class _Comparison:
    """Compares blocks while the model runs, one at a time, so that only one is held in more precision."""

    def __init__(self, bridge: Any, anatomy: Anatomy) -> None:
        self._bridge, self._anatomy = bridge, anatomy
        self._context: Context | None = None
        self._first: Tensor | None = None
        self._last: Tensor | None = None

    @contextlib.contextmanager
    def watching(self) -> Generator[None]:
        """Compare each block as soon as it has run."""
        handles: list[Any] = []
        with contextlib.ExitStack() as widened:
            for index, block in enumerate(self._bridge.blocks):

                def before(module: nn.Module, *_: object) -> None:
                    widened.enter_context(_single_precision(module))

                def after(module: nn.Module, given: Any, named: Any, result: Any, index: int = index) -> None:
                    self._block(index, module, given[0] if given else named["hidden_states"], result)
                    widened.close()

                handles.append(block.register_forward_pre_hook(before))
                handles.append(block.register_forward_hook(after, with_kwargs=True))
            try:
                yield
            finally:
                for handle in handles:
                    handle.remove()

    def ends(self, tokens: Tensor, logits: Tensor) -> None:
        """Compare the embeddings with what the first block read, and the logits with what the last one wrote."""
        anatomy = self._anatomy
        if self._first is None or self._last is None:
            raise refusal(self._bridge, "it ran without its blocks")
        self._compare(
            "embeddings", self._first, lambda dtype: _embed(_cast(anatomy, dtype), tokens), like=anatomy.token_embedding
        )
        last = self._last
        self._compare("unembedding", logits, lambda dtype: _cast(anatomy, dtype).unembed(last.to(dtype)), like=last)

    def _block(self, index: int, module: nn.Module, x: Stream, result: Any) -> None:
        y: Tensor = result[0] if isinstance(result, tuple) else result
        self._first, self._last = x if self._first is None else self._first, y
        part = decompose_block(self._bridge, module, index)
        tokens = torch.zeros(x.shape[:2], dtype=torch.long, device=x.device)
        if self._context is None:
            self._context = replace(self._anatomy, token_embedding=self._anatomy.token_embedding.to(x)).context(tokens)
        whole, context = replace(self._anatomy, blocks=(part,)), self._context

        def run(dtype: torch.dtype) -> Tensor:
            return _cast(whole, dtype).layer(0, x.to(dtype), _cast(context, dtype))

        self._compare(f"block {index}", y, run, like=x)

    def _compare(self, name: str, expected: Tensor, run: Callable[[torch.dtype], Tensor], *, like: Tensor) -> None:
        """Refuse a part that is further from the model than eight times its own rounding in single precision."""
        high = torch.float32 if like.device.type == "mps" else torch.float64  # which has no double precision
        exact, single = run(high).double(), run(torch.float32).double()
        error, rounding = _size(expected.double() - exact), _size(single - exact)
        if not error <= 8 * rounding + 2e-6 * _size(expected.double()):
            size = _size(expected.double())
            raise refusal(
                self._bridge,
                f"{name}: off by {error:.1e}, of {size:.1e} (unless it has hooks, or is not in eval() mode)",
            )


def _logits(model: Any, anatomy: Anatomy, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """Logits of the model and of its parts in the model's own precision: of one shape, and finite."""
    name, expected, got = type(model).__name__, model(tokens), anatomy.logits(tokens)
    if not isinstance(expected, Tensor):
        raise TaskError(f"{name}(tokens) returned a {type(expected).__name__}; expected logits.")
    if expected.shape != got.shape:
        raise TaskError(
            f"{name}(tokens) has shape {tuple(expected.shape)}, its parts give {tuple(got.shape)}: "
            "expected logits [batch, position, output]."
        )
    if not bool(torch.isfinite(expected).all() & torch.isfinite(got).all()):
        raise TaskError(f"{name}(tokens) is not finite in {got.dtype}. {_ADVICE[got.dtype]}")
    return expected, got


def _tokens(anatomy: Anatomy, n: int) -> Tensor:
    tokens = torch.arange(n, device=anatomy.token_embedding.device)[None]
    return (tokens * 7 + 1) % anatomy.n_vocabulary


def _embed(anatomy: Anatomy, tokens: Tensor) -> Stream:
    return anatomy.embed(tokens) + anatomy.position(tokens)


def _size(x: Float[Tensor, "..."]) -> float:
    """Root of the mean square."""
    return float(x.square().mean().sqrt())


def _cast(value: T, dtype: torch.dtype) -> T:
    """A part with all its floating-point tensors in another dtype; nothing is copied that has it already."""
    made: Any = value
    if isinstance(value, Tensor):
        made = value.to(dtype) if value.is_floating_point() else value
    elif isinstance(value, tuple):
        made = tuple(_cast(item, dtype) for item in value)  # pyright: ignore[reportUnknownVariableType]
    elif is_dataclass(value) and not isinstance(value, type):
        made = replace(value, **{field.name: _cast(getattr(value, field.name), dtype) for field in fields(value)})
    return made


@contextlib.contextmanager
def _narrow_window(config: Any, anatomy: Anatomy) -> Generator[None]:
    """Let the model see ``WINDOW`` positions where it has a sliding window: its masks are made from the config."""
    if anatomy.window is None:
        yield
        return
    width = config.sliding_window
    config.sliding_window = WINDOW
    try:
        yield
    finally:
        config.sliding_window = width


@contextlib.contextmanager
def _single_precision(*modules: nn.Module) -> Generator[None]:
    """Half-precision weights in single precision; afterwards the same tensors as before are back."""
    stored = [(weight, weight.data) for weight in _distinct(modules) if weight.dtype in HALF]
    try:
        for weight, data in stored:
            weight.data = data.float()
        yield
    finally:
        for weight, data in stored:
            weight.data = data


def _distinct(modules: tuple[nn.Module, ...]) -> Iterator[Tensor]:
    seen: set[int] = set()
    for module in modules:
        for weight in (*module.parameters(), *module.buffers()):
            if id(weight) not in seen:
                seen.add(id(weight))
                yield weight
