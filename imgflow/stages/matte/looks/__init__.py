"""Finding the product: looks of a segmenter, and what colours say where these leave doubts."""
