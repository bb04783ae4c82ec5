"""Closed-form matting of the unknown band alone, with a prior from the segmenter and from colours."""
