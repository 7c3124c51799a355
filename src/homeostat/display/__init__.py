"""How results look: safe markup, small drawings in SVG, one palette; and figures of Plotly."""
