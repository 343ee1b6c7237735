"""ResNets with torchvision's names: He et al. 2016, table 1, the stride in the 3x3 convolution (version 1.5)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from normviz.nets.networks.parts import Parts, narrowed
from normviz.networks import Network

#: Channels of the four stages, before a bottleneck's expansion.
WIDTHS = (64, 128, 256, 512)


class Basic(nn.Module):
    """x + (3x3, norm, activation, 3x3, norm), and the activation of that."""

    expansion = 1

    def __init__(self, inputs: int, width: int, side: int, stride: int, parts: Parts) -> None:
        super().__init__()
        halved = narrowed(side, 3, stride, 1)
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, padding=1, bias=False)
        self.bn1, self.act1 = parts.norm(width, halved, halved), parts.act()
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2, self.act2 = parts.norm(width, halved, halved), parts.act()
        self.downsample = _shortcut(inputs, width, side, stride, parts)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, C, H, W) to maps (N, width, H / stride, W / stride)."""
        y = self.act1(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.act2(y + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """x + (1x1 to fewer channels, 3x3, 1x1 to four times as many), each with its norm, and the activation of that."""

    expansion = 4

    def __init__(self, inputs: int, width: int, side: int, stride: int, parts: Parts) -> None:
        super().__init__()
        outputs, halved = width * self.expansion, narrowed(side, 3, stride, 1)
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1, self.act1 = parts.norm(width, side, side), parts.act()
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2, self.act2 = parts.norm(width, halved, halved), parts.act()
        self.conv3 = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn3, self.act3 = parts.norm(outputs, halved, halved), parts.act()
        self.downsample = _shortcut(inputs, outputs, side, stride, parts)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Maps (N, C, H, W) to maps (N, 4 width, H / stride, W / stride)."""
        y = self.act1(self.bn1(self.conv1(x)))
        y = self.act2(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.act3(y + (x if self.downsample is None else self.downsample(x)))


def _shortcut(inputs: int, outputs: int, side: int, stride: int, parts: Parts) -> nn.Sequential | None:
    """What brings x to the shape of the sum: a 1x1 convolution and its norm, or nothing."""
    if stride == 1 and inputs == outputs:
        return None
    side = narrowed(side, 1, stride)
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), parts.norm(outputs, side, side))


@dataclass(frozen=True)
class Plan:
    """Which block, and how many of it in each stage."""

    block: type[Basic] | type[Bottleneck]
    blocks: tuple[int, int, int, int]


PLANS = {
    "resnet18": Plan(Basic, (2, 2, 2, 2)),
    "resnet34": Plan(Basic, (3, 4, 6, 3)),
    "resnet50": Plan(Bottleneck, (3, 4, 6, 3)),
}


class ResNet(nn.Module):
    """conv 7x7, norm, activation, pool; four stages of blocks; the mean of each map; linear.

    Its convolutions have no bias, whatever norm (or none) follows them: the keys are torchvision's.
    """

    def __init__(self, row: Network, parts: Parts, side: int) -> None:
        super().__init__()
        plan, inputs = PLANS[row.key], WIDTHS[0]
        self.conv1 = nn.Conv2d(row.channels, inputs, 7, 2, padding=3, bias=False)
        side = narrowed(side, 7, 2, 3)
        self.bn1, self.act = parts.norm(inputs, side, side), parts.act()
        self.maxpool, side = nn.MaxPool2d(3, 2, padding=1), narrowed(side, 3, 2, 1)
        for stage, (width, count) in enumerate(zip(WIDTHS, plan.blocks, strict=True), start=1):
            blocks = nn.Sequential()
            for number in range(count):
                stride = 2 if stage > 1 and number == 0 else 1
                blocks.append(plan.block(inputs, width, side, stride, parts))
                inputs, side = width * plan.block.expansion, narrowed(side, 3, stride, 1)
            self.add_module(f"layer{stage}", blocks)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(inputs, row.classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores (N, classes) of images (N, 3, H, W)."""
        x = self.maxpool(self.act(self.bn1(self.conv1(x))))
        for stage in range(1, len(WIDTHS) + 1):
            x = self.get_submodule(f"layer{stage}")(x)
        return self.fc(self.avgpool(x).flatten(1))
