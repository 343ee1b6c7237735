"""The figures: plain records and Specs drawn with Plotly, which is imported nowhere else."""
