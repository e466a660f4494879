"""The last layer of a classifier that reads nothing of it but the first token.

BERT and its relatives judge a text by the last layer's first token alone; what that layer makes of the others
is thrown away. So here it asks one question for each head, and puts it not to keys and values made of every
token but to the hidden states themselves: a key is a product of weights and a state, and q·(Kh) = (Kᵀq)·h; a
sum of values is the values' weights times the sum of states. What is left of the layer costs next to nothing,
and the numbers are the same up to rounding.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

# Of one build, layer for layer, with a head that reads the first token. By name: each is a module to import.
_READERS_OF_THE_FIRST = frozenset(
    f"{family}ForSequenceClassification"
    for family in ("Bert", "Camembert", "Electra", "Ernie", "Roberta", "XLMRoberta")
)


class FirstTokenAttention(nn.Module):
    """Takes the weights of a layer's attention over and gives its first token."""

    def __init__(self, original: Any) -> None:
        super().__init__()
        attention = original.self
        self.heads = int(attention.num_attention_heads)
        self.head_size = int(attention.attention_head_size)
        self.query, self.output = attention.query, original.output
        # (heads, head size, hidden). The keys' bias adds the same to all scores of a head: to no effect.
        self.key = nn.Parameter(attention.key.weight.detach().view(self.heads, self.head_size, -1))
        self.value = nn.Parameter(attention.value.weight.detach().view(self.heads, self.head_size, -1))
        self.value_bias = attention.value.bias

    def forward(
        self, hidden_states: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any
    ) -> tuple[torch.Tensor, None]:
        """(batch, tokens, hidden) -> (batch, 1, hidden); no attention weights are given out."""
        first, states = hidden_states[:, 0].unsqueeze(1), hidden_states.unsqueeze(1)
        rows = first.shape[0]
        query = self.query(first).view(rows, self.heads, self.head_size).transpose(0, 1)
        question = torch.matmul(query, self.key).transpose(0, 1).unsqueeze(1)
        read = functional.scaled_dot_product_attention(
            question,
            states,
            states,
            attn_mask=None if attention_mask is None else attention_mask[:, :, :1],
            scale=self.head_size**-0.5,
        ).squeeze(1)
        values = torch.matmul(read.transpose(0, 1), self.value.transpose(1, 2)).transpose(0, 1)
        context = values.reshape(rows, 1, -1) + self.value_bias
        return self.output(context, first), None


def read_first_token_only(module: Any) -> None:
    """Let the last layer work on the first token, where the head reads no other; others stay as they are."""
    if type(module).__name__ not in _READERS_OF_THE_FIRST:
        return
    config = module.config
    # Elsewhere masks have other shapes, and chunks of tokens must come out even.
    if config.is_decoder or config.chunk_size_feed_forward or config._attn_implementation != "sdpa":
        return
    layer = module.base_model.encoder.layer[-1]
    layer.attention = FirstTokenAttention(layer.attention)
