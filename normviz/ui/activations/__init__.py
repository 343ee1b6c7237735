"""The activations page's first view: curves, distributions, orders, chains and learned slopes."""
