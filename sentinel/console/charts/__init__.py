"""Charts as inline SVG, one a file: drawn in Python, sized by the page, coloured by its stylesheet."""
