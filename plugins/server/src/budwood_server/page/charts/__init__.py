"""Charts as SVG, drawn on the server: no script, no style attributes, and the same figures as a table."""
