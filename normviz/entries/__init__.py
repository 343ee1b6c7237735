"""The rows of the catalogue, a file for each family, and the pieces they are made of."""
