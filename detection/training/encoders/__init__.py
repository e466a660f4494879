"""The pretrained encoders that a model may begin with, by the name a configuration calls them."""

from __future__ import annotations

from detection.training.encoders.bert import BERT_BASE
from detection.training.encoders.conversion import Check, Encoder, EncoderError, convert_encoder
from detection.training.encoders.roformer import ROFORMER_SMALL

__all__ = ["ENCODERS", "Check", "Encoder", "EncoderError", "convert_encoder", "encoder_named"]

ENCODERS: dict[str, Encoder] = {"roformer-small": ROFORMER_SMALL, "bert-base": BERT_BASE}


def encoder_named(name: str) -> Encoder:
    """Raises EncoderError for a name that stands for none."""
    if name not in ENCODERS:
        raise EncoderError(f"{name}: no such encoder; {', '.join(ENCODERS)}")
    return ENCODERS[name]
