"""Sample photos with exact truth, rendered by imgflow itself: for the demo, the tests and the benchmarks."""

from imgflow.samples.files import render, write_photos, write_truth
from imgflow.samples.scene import Scene, SceneDescription
from imgflow.samples.scenes import SCENES

__all__ = ["SCENES", "Scene", "SceneDescription", "render", "write_photos", "write_truth"]
