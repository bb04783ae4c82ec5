"""The products: one module draws one product on a canvas."""
