"""The activations page's second view: the window on a map, its numbers, and what a shift does."""
