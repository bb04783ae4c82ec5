"""Ground that is seen through the product: wheels, loops, handles."""
