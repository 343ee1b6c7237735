"""AlexNet, twice: as in the paper, and the one whose weights torchvision publishes."""

from __future__ import annotations

import torch
from torch import nn

from normviz.nets.networks.parts import Parts, narrowed
from normviz.networks import Network

UNITS = 4096


class AlexNet(nn.Module):
    """AlexNet as in the paper: Krizhevsky et al. 2012, section 3.5, on images of 227 x 227.

    Five convolutions, the second, fourth and fifth in two groups (the paper's two GPUs); the norm follows the
    activation of the first and of the second, by default Local Response Norm; pooling windows overlap; dropout before
    the first two of three linear layers. The paper says 224 x 224; without a rim, its 55 x 55 maps need 227 x 227.
    """

    def __init__(self, row: Network, parts: Parts, side: int) -> None:
        super().__init__()
        self.conv1, side = nn.Conv2d(row.channels, 96, 11, 4), narrowed(side, 11, 4)
        self.act1, self.norm1 = parts.act(), parts.norm(96, side, side)
        self.pool1, side = nn.MaxPool2d(3, 2), narrowed(side, 3, 2)
        self.conv2 = nn.Conv2d(96, 256, 5, padding=2, groups=2)
        self.act2, self.norm2 = parts.act(), parts.norm(256, side, side)
        self.pool2 = nn.MaxPool2d(3, 2)
        self.conv3 = nn.Conv2d(256, 384, 3, padding=1)
        self.act3 = parts.act()
        self.conv4 = nn.Conv2d(384, 384, 3, padding=1, groups=2)
        self.act4 = parts.act()
        self.conv5 = nn.Conv2d(384, 256, 3, padding=1, groups=2)
        self.act5 = parts.act()
        self.pool5 = nn.MaxPool2d(3, 2)
        self.drop6 = nn.Dropout(0.5)
        self.fc6 = nn.Linear(256 * 6 * 6, UNITS)
        self.act6 = parts.act()
        self.drop7 = nn.Dropout(0.5)
        self.fc7 = nn.Linear(UNITS, UNITS)
        self.act7 = parts.act()
        self.fc8 = nn.Linear(UNITS, row.classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (N, classes) of images (N, 3, 227, 227)."""
        x = self.pool1(self.norm1(self.act1(self.conv1(x))))
        x = self.pool2(self.norm2(self.act2(self.conv2(x))))
        x = self.act4(self.conv4(self.act3(self.conv3(x))))
        x = self.pool5(self.act5(self.conv5(x))).flatten(1)
        x = self.act6(self.fc6(self.drop6(x)))
        x = self.act7(self.fc7(self.drop7(x)))
        return self.fc8(x)


class AlexNetTorchvision(nn.Module):
    """AlexNet for one GPU: Krizhevsky 2014, with torchvision's names, and a norm after each convolution where wanted.

    64-192-384-256-256 channels, no groups, no Local Response Norm.
    """

    def __init__(self, row: Network, parts: Parts, side: int) -> None:
        super().__init__()
        self.features = nn.Sequential()
        inputs = row.channels
        for width, kernel, stride, padding, pooled in (
            (64, 11, 4, 2, True),
            (192, 5, 1, 2, True),
            (384, 3, 1, 1, False),
            (256, 3, 1, 1, False),
            (256, 3, 1, 1, True),
        ):
            self.features.append(nn.Conv2d(inputs, width, kernel, stride, padding))
            side = narrowed(side, kernel, stride, padding)
            if parts.normed:
                self.features.append(parts.norm(width, side, side))
            self.features.append(parts.act())
            if pooled:
                self.features.append(nn.MaxPool2d(3, 2))
                side = narrowed(side, 3, 2)
            inputs = width
        self.avgpool = nn.AdaptiveAvgPool2d(6)
        self.classifier = nn.Sequential(
            nn.Dropout(0.5),
            nn.Linear(inputs * 6 * 6, UNITS),
            parts.act(),
            nn.Dropout(0.5),
            nn.Linear(UNITS, UNITS),
            parts.act(),
            nn.Linear(UNITS, row.classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (N, classes) of images (N, 3, H, W)."""
        return self.classifier(self.avgpool(self.features(x)).flatten(1))
