"""The words of the pages: one file a language, read through :func:`normviz.text.lookup.say`."""
