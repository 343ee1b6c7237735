"""What the forward page shows, for the tests of a running app."""

#: The histograms: the chart with this key, apart from the pictures of single channels.
RIDGE = ".st-key-ridge .js-plotly-plot"
