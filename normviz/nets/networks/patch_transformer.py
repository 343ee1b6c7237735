"""A small Transformer encoder on the patches of an image, with its norms before or after each sublayer.

    pre:   x + f(norm(x)), and one more norm in the end        post:   norm(x + f(x))

Source: Dosovitskiy et al. 2021, equations 1 to 4 (pre, here with the mean of all tokens instead of a class token);
Vaswani et al. 2017, section 3.1 (post); Xiong et al. 2020 compare the two.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from normviz.nets.networks.initialization import Fill
from normviz.nets.networks.parts import Parts
from normviz.networks import Network

#: Channels of a token, heads of the attention, channels within the second sublayer, and how many blocks there are.
WIDTH, HEADS, HIDDEN, BLOCKS = 96, 4, 384, 4
#: The standard deviation that position embeddings start with, as in ViT's code.
POSITION_STD = 0.02


class Block(nn.Module):
    """Attention and two linear layers, each added to its input."""

    def __init__(self, parts: Parts, tokens: int, *, pre: bool) -> None:
        super().__init__()
        self.pre = pre
        self.norm1 = parts.norm(tokens, WIDTH)
        self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
        self.norm2 = parts.norm(tokens, WIDTH)
        self.up, self.act, self.down = nn.Linear(WIDTH, HIDDEN), parts.act(), nn.Linear(HIDDEN, WIDTH)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Tokens (N, L, C) to tokens (N, L, C)."""
        if self.pre:
            x = x + self.attention(self.norm1(x))
            return x + self.down(self.act(self.up(self.norm2(x))))
        x = self.norm1(x + self.attention(x))
        return self.norm2(x + self.down(self.act(self.up(x))))

    def attention(self, x: torch.Tensor) -> torch.Tensor:
        """Every token's mean of all tokens' values, weighted by softmax(q k / sqrt(C / heads))."""
        # (N, L, 3 C) -> three of (N, heads, L, C / heads)
        q, k, v = self.qkv(x).unflatten(-1, (3, HEADS, WIDTH // HEADS)).permute(2, 0, 3, 1, 4).unbind()
        mixed = functional.scaled_dot_product_attention(q, k, v)
        return self.out(mixed.transpose(1, 2).flatten(2))


class PatchTransformer(nn.Module):
    """Patches, their positions, the blocks, and a linear layer on the mean of the tokens."""

    def __init__(self, row: Network, parts: Parts, side: int, *, pre: bool) -> None:
        super().__init__()
        patch, tokens = row.step, (side // row.step) ** 2
        self.patches = nn.Conv2d(row.channels, WIDTH, patch, patch)
        self.position = nn.Parameter(torch.empty(1, tokens, WIDTH))
        self.blocks = nn.Sequential(*(Block(parts, tokens, pre=pre) for _ in range(BLOCKS)))
        self.norm = parts.norm(tokens, WIDTH) if pre else nn.Identity()
        self.head = nn.Linear(WIDTH, row.classes)

    def own(self) -> list[tuple[torch.Tensor, Fill]]:
        """The positions start small."""
        return [
            (self.position, lambda tensor, generator: tensor.normal_(std=POSITION_STD, generator=generator))
        ]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (N, classes) of images (N, 3, H, W)."""
        x = self.patches(x).flatten(2).transpose(1, 2) + self.position
        return self.head(self.norm(self.blocks(x)).mean(1))
