"""Two networks of our own that read digits: convolutions whose maps are large enough to look at, and an MLP."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from normviz.nets.networks.parts import Parts
from normviz.networks import Network

#: Channels of the convolutions, and the side of the maps that are read in the end.
CHANNELS, READ = (16, 24, 32, 48), 4
#: Units of the MLP's hidden layers.
HIDDEN = (128, 128, 128, 128)


class SmallCNN(nn.Module):
    """Four times conv 3x3, norm, activation, with the maps halved after the second and the third; then 4x4 means.

    (N, 1, 32, 32) -> 16 and 24 maps of 32x32, 32 of 16x16, 48 of 8x8 -> (N, 10).
    """

    def __init__(self, row: Network, parts: Parts, side: int) -> None:
        super().__init__()
        one, two, three, four = CHANNELS
        self.conv1 = nn.Conv2d(row.channels, one, 3, padding=1)
        self.norm1, self.act1 = parts.norm(one, side, side), parts.act()
        self.conv2 = nn.Conv2d(one, two, 3, padding=1)
        self.norm2, self.act2 = parts.norm(two, side, side), parts.act()
        self.pool2, side = nn.MaxPool2d(2), side // 2
        self.conv3 = nn.Conv2d(two, three, 3, padding=1)
        self.norm3, self.act3 = parts.norm(three, side, side), parts.act()
        self.pool3, side = nn.MaxPool2d(2), side // 2
        self.conv4 = nn.Conv2d(three, four, 3, padding=1)
        self.norm4, self.act4 = parts.norm(four, side, side), parts.act()
        # Not the mean of a whole map: Instance Norm would have made that the same for every picture.
        self.pool4 = nn.AdaptiveAvgPool2d(READ)
        self.head = nn.Linear(four * READ**2, row.classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (N, classes) of pictures (N, C, H, W)."""
        x = self.act1(self.norm1(self.conv1(x)))
        x = self.pool2(self.act2(self.norm2(self.conv2(x))))
        x = self.pool3(self.act3(self.norm3(self.conv3(x))))
        x = self.pool4(self.act4(self.norm4(self.conv4(x))))
        return self.head(x.flatten(1))


class MLP(nn.Sequential):
    """Four hidden layers of linear, norm, activation on the flattened picture, and a linear one to the scores."""

    def __init__(self, row: Network, parts: Parts, side: int) -> None:
        super().__init__()
        widths = (row.channels * side**2, *HIDDEN)
        self.flatten = nn.Flatten()
        for number, (before, after) in enumerate(pairwise(widths), start=1):
            self.add_module(f"linear{number}", nn.Linear(before, after))
            self.add_module(f"norm{number}", parts.norm(after))
            self.add_module(f"act{number}", parts.act())
        self.head = nn.Linear(widths[-1], row.classes)
