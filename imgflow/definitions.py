"""The code location: imgflow with the environment's settings."""

from imgflow.defs.build import build_definitions
from imgflow.settings import load_settings

defs = build_definitions(load_settings())
