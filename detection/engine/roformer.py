"""RoFormer's attention in few large steps.

As transformers writes it, the rotation of queries and keys takes every second number out and weaves it in
again; on a CPU that costs more than the attention itself. Here it is one product with a constant matrix of
0, 1 and -1, which is exact in every precision, and the attention is the fused one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional
from transformers.models.roformer.modeling_roformer import RoFormerSelfAttention


class FusedSelfAttention(nn.Module):
    """Takes the weights of a `RoFormerSelfAttention` over and gives the same numbers."""

    turn: torch.Tensor

    def __init__(self, original: Any) -> None:
        super().__init__()
        self.heads = int(original.num_attention_heads)
        self.head_size = int(original.attention_head_size)
        self.query, self.key, self.value = original.query, original.key, original.value
        self.register_buffer("turn", _quarter_turn(self.head_size), persistent=False)

    def forward(
        self,
        hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        sinusoidal_pos: torch.Tensor | None = None,
        **_: Any,
    ) -> tuple[torch.Tensor, None]:
        """(batch, tokens, hidden) -> the same shape; no attention weights are given out."""
        rows, tokens, hidden = hidden_states.shape
        query, key, value = (
            project(hidden_states).view(rows, tokens, self.heads, self.head_size).transpose(1, 2)
            for project in (self.query, self.key, self.value)
        )
        if sinusoidal_pos is not None:
            sin, cos = (
                torch.stack((half, half), dim=-1).reshape_as(sinusoidal_pos)
                for half in sinusoidal_pos.chunk(2, dim=-1)
            )
            query, key = self._rotated(query, sin, cos), self._rotated(key, sin, cos)
        if query.requires_grad and query.device.type == "cpu":
            context = _two_products(query, key, value, attention_mask)
        else:
            context = functional.scaled_dot_product_attention(query, key, value, attn_mask=attention_mask)
        return context.transpose(1, 2).reshape(rows, tokens, hidden), None

    def _rotated(self, x: torch.Tensor, sin: torch.Tensor, cos: torch.Tensor) -> torch.Tensor:
        rotated: torch.Tensor = x * cos + torch.matmul(x, self.turn) * sin
        return rotated


def _two_products(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, mask: torch.Tensor | None
) -> torch.Tensor:
    """What the fused attention gives, for training on a CPU, where its way back is the slower one."""
    scores = torch.matmul(query * query.shape[-1] ** -0.5, key.transpose(-1, -2))
    if mask is not None:
        scores = scores + mask
    return torch.matmul(scores.softmax(-1), value)


def fuse_attention(module: nn.Module) -> None:
    """Replace every RoFormer self-attention within a module; other kinds are fused by transformers itself."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, RoFormerSelfAttention) and not child.rotary_value:
                setattr(parent, name, FusedSelfAttention(child))


def _quarter_turn(size: int) -> torch.Tensor:
    """The matrix that makes (-x1, x0, -x3, x2, …) of (x0, x1, x2, x3, …)."""
    turn = torch.zeros(size, size)
    even = torch.arange(0, size, 2)
    turn[even + 1, even] = -1
    turn[even, even + 1] = 1
    return turn
