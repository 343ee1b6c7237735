"""What a caption has to say about a population that streams in batches, wherever it is more than the input itself."""

from __future__ import annotations

from normviz.figures.steps import DRAWN
from normviz.ui.choices import Choices


def population_notes(c: Choices, samples: int, images: int, channels: int) -> list[str]:
    """Sentences: uploads that repeat, changes by hand that are left out, and how many channels are drawn."""
    words = []
    if 1 < images < samples:  # of a single one, every sample is a cut of its own
        words.append(c.say("population.repeated", count=images, samples=samples))
    if c.disturb != "none":
        words.append(c.say("population.undisturbed"))
    if channels > DRAWN + 1:
        words.append(c.say("population.drawn", shown=DRAWN + 1, channels=channels))
    return words
