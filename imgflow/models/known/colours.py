"""How networks want their colours: what is taken away from R, G, B (0..1), and what they are divided by then."""

from typing import Any

IMAGENET: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}
HALF: dict[str, Any] = {"mean": (0.5, 0.5, 0.5), "std": (1.0, 1.0, 1.0)}
ANIME: dict[str, Any] = {"mean": (0.485, 0.456, 0.406), "std": (1.0, 1.0, 1.0)}

FULL = 255
"""Pixels are scaled to 0..1 by the full range of their type; else by the picture's own maximum (see onnx/segmenter.py).
"""
