"""Small checkpoints with the words of tasks, that stand in for the leaderboard's models."""

from pathlib import Path

from tests.mib.checkpoints import make_checkpoint
from tests.mib.tasks.tokenizers_of_tasks import word_level


def stand_in(folder: Path, architecture: str, *names: str) -> Path:
    """A small random model of an architecture that can read some tasks."""
    tokenizer = word_level(*names)
    make_checkpoint(folder, architecture, vocab_size=len(tokenizer), bos_token_id=1, eos_token_id=0)
    tokenizer.save_pretrained(folder)
    return folder
