"""The network page: a picture or a trace goes in, every layer's distribution comes out."""
