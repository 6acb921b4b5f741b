"""Trees, graphs and weights of arcs as pictures: SVG, and HTML pages of many."""
