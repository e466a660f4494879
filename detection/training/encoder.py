"""RoFormer's attention again, in the form that trains fastest; names of weights and results stay."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as functional
from torch import nn


class FusedAttention(nn.Module):
    """Takes the place of RoFormerSelfAttention, with its very weights.

    Rotary positions turn neighbouring dimensions in pairs. Query and key may be reordered alike without
    changing their product: with the first of each pair before the second, turning is two multiplications
    of whole vectors. One matrix product makes query, key and value; softmax is the fused kernel's.
    """

    order: torch.Tensor

    def __init__(self, original: Any) -> None:
        super().__init__()
        self.query, self.key, self.value = original.query, original.key, original.value
        self.heads = int(original.num_attention_heads)
        self.head_size = int(original.attention_head_size)
        pairs = torch.arange(self.head_size).view(-1, 2)
        within_head = torch.cat([pairs[:, 0], pairs[:, 1]])
        rows = (torch.arange(self.heads)[:, None] * self.head_size + within_head).flatten()
        self.register_buffer("order", rows, persistent=False)

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        sinusoidal_pos: torch.Tensor | None = None,
        *_unused: Any,
        **_options: Any,
    ) -> tuple[torch.Tensor, None]:
        """(batch, tokens, hidden) -> the same; `sinusoidal_pos` is (1, 1, tokens, head size), sines first."""
        assert sinusoidal_pos is not None
        batch, tokens, _ = hidden_states.shape
        dense = (self.query, self.key)
        weight = torch.cat([*(part.weight[self.order] for part in dense), self.value.weight])
        bias = torch.cat([*(part.bias[self.order] for part in dense), self.value.bias])
        projected = functional.linear(hidden_states, weight, bias)
        projected = projected.view(batch, tokens, 3, self.heads, self.head_size)
        sine, cosine = sinusoidal_pos[0, 0].to(hidden_states.dtype).chunk(2, dim=-1)
        cosines = torch.cat([cosine, cosine], -1)[:, None, None]
        sines = torch.cat([-sine, sine], -1)[:, None, None]
        both = projected[:, :, :2]
        turned = torch.addcmul(both * cosines, both.roll(self.head_size // 2, -1), sines)
        context = functional.scaled_dot_product_attention(
            turned[:, :, 0].transpose(1, 2),
            turned[:, :, 1].transpose(1, 2),
            projected[:, :, 2].transpose(1, 2),
            attn_mask=attention_mask,
        )
        return context.transpose(1, 2).reshape(batch, tokens, -1), None


def with_fused_attention(model: Any) -> Any:
    """The RoFormer classifier, its attention exchanged in place. No dropout on attention weights."""
    for layer in model.roformer.encoder.layer:
        layer.attention.self = FusedAttention(layer.attention.self)
    return model
