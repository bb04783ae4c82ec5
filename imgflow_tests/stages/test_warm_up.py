import subprocess
import sys

# In a process of its own: here other tests may have compiled what `warm_up` forgot.
_COMPILED_LATER = """
import pkgutil, sys
from importlib import import_module
import numpy as np
import imgflow.stages
from imgflow.photos.encode import encode, encode_png
from imgflow.photos.picture import Picture
from imgflow.photos.png_kernel import filter_rows
from imgflow.recipe import DenoiseConfig, MatteConfig, PublishConfig, ShadowConfig
from imgflow.samples import render
from imgflow.stages.warm_up import warm_up

warm_up()
kernels = {
    kernel.__name__: kernel
    for module in pkgutil.walk_packages(imgflow.stages.__path__, "imgflow.stages.")
    for kernel in vars(import_module(module.name)).values()
    if hasattr(kernel, "py_func")
} | {"filter_rows": filter_rows}
before = {name: list(kernel.signatures) for name, kernel in kernels.items()}
assert before, "no kernels found"

from imgflow.stages.denoise.stage import denoise
from imgflow.stages.matte.stage import matte
from imgflow.stages.shadow.stage import remove_shadow
from imgflow_tests.stages.scenes import BlurredTruth

scene = render("camera", megapixels=0.3)
rgb = scene.clean + np.random.default_rng(1).normal(0, 6, scene.clean.shape)
noisy = Picture(np.clip(rgb, 0, 255).astype(np.uint8))
segmenter = BlurredTruth(scene.alpha)
clean = denoise(noisy, DenoiseConfig())
assert clean.details["method"] == "shrinkage", clean.details
lit = remove_shadow(clean.picture, ShadowConfig(), segmenter)
encode_png(lit.picture)
encode(matte(lit.picture, MatteConfig(), segmenter).picture, PublishConfig())
print([name for name, kernel in kernels.items() if list(kernel.signatures) != before[name]])
"""


def test_no_kernel_is_compiled_at_the_first_photo():
    done = subprocess.run([sys.executable, "-c", _COMPILED_LATER], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stdout + done.stderr
