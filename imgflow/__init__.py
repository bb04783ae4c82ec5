"""imgflow: product photos in, clean cutouts out."""

__version__ = "0.1.0"
