"""What a run says of itself, in a shell as in a job's log."""

from __future__ import annotations

from pathlib import Path

from imle.model_folder import NotAModel, read_card


def epoch_line(row: dict) -> str:
    """One line on an epoch that ended; row: as in metrics.jsonl."""
    return f"epoch {row['epoch']}: loss {row['loss']:.4f}, fold 9 macro AUC {row['fold9_macro_auc']:.4f}"


def what_is_kept(out: Path) -> str | None:
    """Of a run in `out` that was stopped, which epoch's model it keeps; None where its first had not ended."""
    try:
        card = read_card(out)
    except NotAModel:
        return None
    return f"keeps epoch {card.recipe['best_epoch']} (fold 9 macro AUC {card.metrics['fold9']['macro_auc']:.4f})"
