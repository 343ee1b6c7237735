"""What is known of the weights of a run: how good they are, or that they run otherwise than in their training."""

from __future__ import annotations

from normviz.network_runs import Plan
from normviz.networks import NETWORKS
from normviz.ui.cached_network import training
from normviz.ui.choices import Choices
from normviz.ui.network.layer_head import share


def otherwise_trained(c: Choices, plan: Plan) -> list[str]:
    """That the weights run with another activation or side than in their training; empty where they do not."""
    known = training(plan.network, plan.norm, plan.weights)
    here = _here(plan)
    if known is None or here == (known.activation, known.side):
        return []
    numbers = {
        "trained": c.say(f"activation.{known.activation}.name"),
        "trained_side": known.side,
        "activation": c.say(f"activation.{here[0]}.name"),
        "side": here[1],
    }
    return [c.say("network_page.otherwise_trained", **numbers)]


def how_good(c: Choices, plan: Plan) -> list[str]:
    """How many test images the weights get right; empty where that is not known of the network as it runs here."""
    known = training(plan.network, plan.norm, plan.weights)
    if known is None or plan.mode != "eval" or _here(plan) != (known.activation, known.side):
        return []
    numbers = {"share": share(known.accuracy), "correct": known.correct, "tested": known.tested}
    return [c.say(f"network_page.{plan.weights}_right", **numbers)]


def _here(plan: Plan) -> tuple[str, int]:
    network = NETWORKS[plan.network]
    return network.chosen_activation(plan.activation), network.chosen_side(plan.side)
