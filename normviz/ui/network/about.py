"""What a trace was computed from, in words: the caption of every picture of it."""

from __future__ import annotations

from normviz.text.lookup import words
from normviz.traces import Trace
from normviz.ui.choices import Choices
from normviz.ui.literal import literal
from normviz.ui.network.shown import Shown
from normviz.ui.numbers import spoken

#: What a trace says by a key of the catalogue, and where the words have its name.
NAMED = {"norm": "method", "activation": "activation"}


def trace_caption(c: Choices, shown: Shown) -> str:
    """The network, its mode, the input's shape, device and dtype, and what else the trace says of itself."""
    trace = shown.trace
    said = c.say(
        "network_view.caption",
        model=model_name(c, trace) if _is_named(c, trace) else literal(trace.model),
        mode=c.say(f"network_view.mode_{'train' if trace.mode == 'train' else 'eval'}"),
        layers=f"{len(trace.layers):,}",
        shape=spoken(trace.input.shape),
        device=literal(trace.device),
        dtype=literal(trace.dtype),
    )
    known = c.say("network_view.about_between").join(_known(c, trace))
    return (
        c.say("network_view.about", said=said, known=known)
        if known
        else c.say("network_view.about_no", said=said)
    )


def model_name(c: Choices, trace: Trace) -> str:
    """The network's name: one of ours in the visitor's language, or what the trace calls it, as it stands there."""
    if not _is_named(c, trace):
        return trace.model
    return c.say(f"network.{trace.model}") if trace.model else c.say("network_view.unnamed")


def _is_named(c: Choices, trace: Trace) -> bool:
    """Whether the name is in our words, and not in those of the file."""
    return not trace.model or f"network.{trace.model}" in words(c.lang)


def _known(c: Choices, trace: Trace) -> list[str]:
    """What the trace says of itself, item by item: in words where there are some, else as it stands there."""
    there = words(c.lang)
    items = []
    for key, value in trace.about.items():
        if value == "" or str(value) == trace.model:
            continue
        label = f"network_view.about_{key}"
        said = f"network_view.about_{key}_{value}"
        name = c.say(label) if label in there else literal(key)
        if key in NAMED and f"{NAMED[key]}.{value}.name" in there:
            said = f"{NAMED[key]}.{value}.name"
        written = c.say(said) if said in there else literal(value)
        items.append(c.say("network_view.about_item", name=name, value=written))
    return items
