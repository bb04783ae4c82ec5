"""Ways to run a model on a photo: imgflow's own, and each family's own as its authors document it.

Every way loads its model once and then takes photo files, one after the other. Segmenters on ONNX give the mask; all
others give the bytes of a PNG.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

TILE, TILE_PAD = 512, 10
"""Of Real-ESRGAN's own tiles, which spandrel's users take over: `tile_pad` is its default."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a process is to do.

    Attributes:
        way: in `WAYS`.
        model: name of the model, in imgflow's registry or in `MODELS`.
        weights: the folder with its files.
        code: of BiRefNet: the folder with the authors' code.
        device, precision, compile: wanted.
        photos: folder of the input; empty: the model is only loaded.
        out: folder for the results.
        count: of photos.
    """

    way: str
    model: str
    weights: str
    code: str = ""
    device: str = "auto"
    precision: str = "auto"
    compile: str = "off"
    photos: str = ""
    out: str = ""
    count: int = 0


@dataclass(frozen=True, slots=True)
class Loaded:
    """A model that is ready.

    Attributes:
        run: a photo's file to the bytes of a PNG, or to a mask as the software gives it: a Pillow image, or H x W
            float32 from 0 to 1.
        software: what it is.
        device, precision, fallback: as it really runs; see `imgflow.models.base.LoadedModel`.
    """

    run: Callable[[Path], Any]
    software: str
    device: str
    precision: str = "fp32"
    fallback: str | None = None


# -- imgflow -----------------------------------------------------------------------------------------------------------


def imgflow(task: Task) -> Loaded:
    """Decode, model, encode, as the stages do."""
    import numpy as np

    from imgflow.models.families import load_model
    from imgflow.models.runtime import Runtime
    from imgflow.photos.decode import decode
    from imgflow.photos.encode import encode, encode_png
    from imgflow.photos.picture import Picture
    from imgflow.recipe import PublishConfig
    from imgflow_tests.benchmarks.model_cases import description

    row = description(task.model)
    runtime: Any = Runtime(device=task.device, precision=task.precision, compile=task.compile)  # type: ignore[arg-type]
    model: Any = load_model(row, Path(task.weights), runtime)

    def mask(photo: Path) -> Any:
        return model(decode(photo.read_bytes()).picture.rgb)

    def cutout(photo: Path) -> bytes:
        rgb = decode(photo.read_bytes()).picture.rgb
        return encode(Picture(rgb, np.rint(model(rgb) * 255).astype(np.uint8)), PublishConfig())

    def restored(photo: Path) -> bytes:
        # RGB as the references write it; published PNGs always have alpha.
        return encode_png(Picture(model(decode(photo.read_bytes()).picture.rgb)), PublishConfig().compression)

    run = restored if row.purpose != "segment" else mask if row.family == "u2net_onnx" else cutout
    return Loaded(run, "imgflow", model.device, model.precision, model.fallback)


# -- the families' own -------------------------------------------------------------------------------------------------


def rembg(task: Task) -> Loaded:
    """As rembg's README: a session for many photos, Pillow in and out."""
    from rembg import new_session, remove

    session = new_session(task.model)
    providers = session.inner_session.get_providers()
    device = "cuda" if "CUDAExecutionProvider" in providers else "cpu"

    def run(photo: Path) -> Any:
        return remove(Image.open(photo), session=session, only_mask=True)

    return Loaded(run, f"rembg {_version('rembg')}", device)


def transformers(task: Task) -> Loaded:
    """As the model card of BiRefNet."""
    import torch
    from torchvision import transforms

    network, software = _birefnet(Path(task.weights), Path(task.code))
    torch.set_float32_matmul_precision("high")
    network.to(task.device).eval()
    is_half = task.precision == "fp16"
    if is_half:
        network.half()
    prepare = transforms.Compose(
        [
            transforms.Resize((1024, 1024)),
            transforms.ToTensor(),
            transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        ]
    )

    def run(photo: Path) -> bytes:
        image = Image.open(photo)
        inputs = prepare(image).unsqueeze(0).to(task.device)
        with torch.no_grad():
            preds = network(inputs.half() if is_half else inputs)[-1].sigmoid().cpu()
        mask = transforms.ToPILImage()(preds[0].squeeze().float()).resize(image.size)
        image.putalpha(mask)
        return _png(image)

    return Loaded(run, software, task.device, task.precision)


def _birefnet(weights: Path, code: Path) -> tuple[Any, str]:
    """The network and what made it: the hub's repository as documented, or the authors' on GitHub as documented."""
    if (code / "birefnet.py").is_file():
        from transformers import AutoModelForImageSegmentation

        for file in (*code.glob("*.py"), code / "config.json"):
            (weights / file.name).write_bytes(file.read_bytes())
        network = AutoModelForImageSegmentation.from_pretrained(weights, trust_remote_code=True)
        return network, f"transformers {_version('transformers')} with the authors' code"
    from safetensors.torch import load_file

    sys.path.insert(0, str(code))
    from models.birefnet import BiRefNet  # type: ignore[import-not-found]

    network = BiRefNet(bb_pretrained=False)
    network.load_state_dict(load_file(weights / "model.safetensors"))
    return network, "the authors' code"


def remover(task: Task) -> Loaded:
    """As transparent-background's README."""
    from transparent_background import Remover

    device = {"cuda": "cuda:0", "mps": "mps:0"}.get(task.device, task.device)
    remover = Remover(device=device, ckpt=str(Path(task.weights, "ckpt_base.pth")))

    def run(photo: Path) -> bytes:
        return _png(remover.process(Image.open(photo).convert("RGB")))

    return Loaded(run, f"transparent-background {_version('transparent-background')}", task.device)


def super_image(task: Task) -> Loaded:
    """As super-image's README, but without gradients, which would take gigabytes, and on the GPU where there is one."""
    import cv2
    import numpy as np
    import torch
    from super_image import A2nModel, EdsrModel, ImageLoader

    kind = EdsrModel if task.model.startswith("edsr") else A2nModel
    network = kind.from_pretrained(task.weights, scale=2).eval().to(task.device)

    def run(photo: Path) -> bytes:
        inputs = ImageLoader.load_image(Image.open(photo)).to(task.device)
        with torch.no_grad():
            made = network(inputs)
        # ImageLoader.save_image, into memory.
        pixels = made.data.cpu().numpy()[0].transpose((1, 2, 0)) * 255.0
        return cv2.imencode(".png", cv2.cvtColor(np.clip(pixels, 0, 255), cv2.COLOR_RGB2BGR))[1].tobytes()

    return Loaded(run, f"super-image {_version('super-image')}", task.device)


def spandrel(task: Task) -> Loaded:
    """As spandrel's README: the photo as a whole."""
    import torch
    from spandrel import ModelLoader

    network: Any = ModelLoader().load_from_file(str(Path(task.weights, "weights.pth")))
    network.to(task.device).eval()

    def run(photo: Path) -> bytes:
        with torch.no_grad():
            return _png(_image(network(_tensor(photo).to(task.device))))

    return Loaded(run, f"spandrel {_version('spandrel')}", task.device)


def spandrel_tiles(task: Task) -> Loaded:
    """The same in tiles, as Real-ESRGAN cuts them: seams show."""
    import torch
    from spandrel import ModelLoader

    network: Any = ModelLoader().load_from_file(str(Path(task.weights, "weights.pth")))
    network.to(task.device).eval()
    scale = network.scale

    def run(photo: Path) -> bytes:
        picture = _tensor(photo).to(task.device)
        height, width = picture.shape[2:]
        made = picture.new_zeros((1, 3, height * scale, width * scale))
        for top in range(0, height, TILE):
            for left in range(0, width, TILE):
                bottom, right = min(top + TILE, height), min(left + TILE, width)
                above, before = max(top - TILE_PAD, 0), max(left - TILE_PAD, 0)
                seen = picture[:, :, above : bottom + TILE_PAD, before : right + TILE_PAD]
                with torch.no_grad():
                    tile = network(seen)
                y, x = (top - above) * scale, (left - before) * scale
                kept = tile[:, :, y : y + (bottom - top) * scale, x : x + (right - left) * scale]
                made[:, :, top * scale : bottom * scale, left * scale : right * scale] = kept
        return _png(_image(made))

    software = f"spandrel {_version('spandrel')} in tiles of {TILE} with {TILE_PAD} pixels of context"
    return Loaded(run, software, task.device)


def _tensor(photo: Path) -> Any:
    """1 x 3 x H x W, float32, 0..1."""
    import numpy as np
    import torch

    return torch.from_numpy(np.array(Image.open(photo).convert("RGB"))).permute(2, 0, 1).unsqueeze(0).float() / 255


def _image(made: Any) -> Image.Image:
    return Image.fromarray((made[0].permute(1, 2, 0).clamp(0, 1) * 255).round().byte().cpu().numpy())


def _png(image: Image.Image) -> bytes:
    """As `image.save("result.png")`, into memory."""
    buffer = BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)


WAYS: dict[str, Callable[[Task], Loaded]] = {
    "imgflow": imgflow,
    "rembg": rembg,
    "transformers": transformers,
    "remover": remover,
    "super_image": super_image,
    "spandrel": spandrel,
    "spandrel_tiles": spandrel_tiles,
}
"""By name."""
