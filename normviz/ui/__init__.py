"""What the pages share: pickers kept in the link, words in the visitor's language, cached computing, the cube."""
