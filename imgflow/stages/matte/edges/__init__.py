"""What is done at the edge once alpha is solved: firm edges without haze, and the product's own colours."""
