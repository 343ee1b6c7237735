"""VGG with torchvision's names: Simonyan and Zisserman 2015, table 1, columns A, D and E."""

from __future__ import annotations

import torch
from torch import nn

from normviz.nets.networks.parts import Parts
from normviz.networks import Network

#: How many 3x3 convolutions each of the five stages has, and their channels.
CONVS = {"vgg11": (1, 1, 2, 2, 2), "vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}
WIDTHS = (64, 128, 256, 512, 512)
#: The side of the maps that the fully connected layers read, and the units of the two hidden ones.
READ, UNITS = 7, 4096


class VGG(nn.Module):
    """Stages of (conv 3x3, norm where there is one, activation) with a pool after each; three linear layers.

    Without a norm the layers are numbered as in torchvision's vgg16, with any as in its vgg16_bn.
    """

    def __init__(self, row: Network, parts: Parts, side: int) -> None:
        super().__init__()
        self.features = nn.Sequential()
        inputs = row.channels
        for count, width in zip(CONVS[row.key], WIDTHS, strict=True):
            for _ in range(count):
                self.features.append(nn.Conv2d(inputs, width, 3, padding=1))
                if parts.normed:
                    self.features.append(parts.norm(width, side, side))
                self.features.append(parts.act())
                inputs = width
            self.features.append(nn.MaxPool2d(2))
            side //= 2
        self.avgpool = nn.AdaptiveAvgPool2d(READ)
        self.classifier = nn.Sequential(
            nn.Linear(inputs * READ**2, UNITS),
            parts.act(),
            nn.Dropout(0.5),
            nn.Linear(UNITS, UNITS),
            parts.act(),
            nn.Dropout(0.5),
            nn.Linear(UNITS, row.classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (N, classes) of images (N, 3, H, W)."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))
