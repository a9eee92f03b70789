"""Starting from a trained model: its weights in a network with other labels."""

from __future__ import annotations

from pathlib import Path

import keras

from imle.errors import BadChoice
from imle.model_folder import Card, load_keras, read_card


def source_card(folder: Path, network: str) -> Card:
    """The card of the model to start from. BadChoice where it is another network; NotAModel where it is none."""
    card = read_card(folder)
    if card.network != network:
        raise BadChoice(f"{folder} holds {card.network}; to start {network} from a model, give one of {network}")
    return card


def take_over(model: keras.Model, folder: Path) -> int:
    """Give `model` the weights of the model in `folder` wherever they have its shape; returns how many those were.

    What depends on the number of labels (the last layer, attention a class) keeps its initial weights.
    """
    own, theirs = model.weights, load_keras(folder).weights
    if len(own) != len(theirs):
        raise BadChoice(f"{folder} has {len(theirs)} weights where {len(own)} are needed; give one of the same options")
    fitting = [(mine, weight) for mine, weight in zip(own, theirs, strict=True) if mine.shape == weight.shape]
    for mine, weight in fitting:
        mine.assign(weight)
    return len(fitting)
