"""The denoisers, upscalers and matters on PyTorch that imgflow knows. Another model is another row.

Hashes, sizes and revisions are as public repositories pin them; where none is known, the model store's lock file pins
what is pulled first. None of these weights could be tried where this was written.
"""

from imgflow.models.model import HubSource, Model, ModelFile, Purpose, Source, UrlSource

NAFNET = "https://github.com/megvii-research/NAFNet"
REAL_ESRGAN = "https://github.com/xinntao/Real-ESRGAN"


def _spandrel(
    name: str,
    purpose: Purpose,
    licence: str,
    homepage: str,
    file: str,
    sha256: str,
    size: int,
    *sources: Source,
    scale: int = 1,
    rank: int = 0,
) -> Model:
    return Model(
        name=name,
        purpose=purpose,
        family="spandrel",
        licence=licence,
        commercial=True,
        homepage=homepage,
        files=(ModelFile(file, sha256, size, sources),),
        scale=scale,
        rank=rank,
        rank_cpu=0,  # minutes a photo there
    )


NYANKO = ("nyanko7/nafnet-models", "08e8c701eb662688cccda3bf3074e90e902bcd3b")

RESTORERS = (
    _spandrel(
        "nafnet-sidd-width64",
        "denoise",
        "MIT",
        NAFNET,
        "NAFNet-SIDD-width64.pth",
        "cd685efaae01f7c4e9951f2deab05780079c8eb1e49ed664b72f6db04dabb445",
        464_154_961,
        HubSource(NYANKO[0], "NAFNet-SIDD-width64.pth", NYANKO[1]),
        rank=60,
    ),
    _spandrel(
        "nafnet-sidd-width32",
        "denoise",
        "MIT",
        NAFNET,
        "NAFNet-SIDD-width32.pth",
        "89c70e808d1783b6c07911306e106aaf0d4f7f3da8c61078b99ff7f8929a26f4",
        116_861_841,
        HubSource(NYANKO[0], "NAFNet-SIDD-width32.pth", NYANKO[1]),
        rank=50,
    ),
    _spandrel(
        "realesrgan-x4plus",
        "upscale",
        "BSD-3-Clause",
        REAL_ESRGAN,
        "RealESRGAN_x4plus.pth",
        "4fa0d38905f75ac06eb49a7951b426670021be3018265fd191d2125df9d682f1",
        67_040_989,
        UrlSource(f"{REAL_ESRGAN}/releases/download/v0.1.0/RealESRGAN_x4plus.pth"),
        scale=4,
    ),
    _spandrel(
        "realesrgan-x2plus",
        "upscale",
        "BSD-3-Clause",
        REAL_ESRGAN,
        "RealESRGAN_x2plus.pth",
        "49fafd45f8fd7aa8d31ab2a22d14d91b536c34494a5cfe31eb5d89c2fa266abb",
        67_061_725,
        UrlSource(f"{REAL_ESRGAN}/releases/download/v0.2.1/RealESRGAN_x2plus.pth"),
        scale=2,
    ),
)
"""Chen et al., "Simple Baselines for Image Restoration", ECCV 2022; Wang et al., "Real-ESRGAN", ICCVW 2021."""


def _super_image(name: str, repo: str, revision: str, scale: int, sha256: str = "", rank: int = 0) -> Model:
    file = f"pytorch_model_{scale}x.pt"
    return Model(
        name=name,
        purpose="upscale",
        family="super_image",
        licence="Apache-2.0",
        commercial=True,
        homepage=f"https://huggingface.co/{repo}",
        files=(
            ModelFile(file, sha256, 0, (HubSource(repo, file, revision),)),
            ModelFile("config.json", sources=(HubSource(repo, "config.json", revision),)),
        ),
        scale=scale,
        rank=rank,
        rank_cpu=0,
    )


EDSR = ("eugenesiow/edsr-base", "d622f68a86f11af7c1c6add1a8fa3790a1173d97")
A2N = ("eugenesiow/a2n", "a4099c3738532f632b9afd9d19ea5c28888a717d")

SUPER_IMAGE = (
    _super_image("edsr-base-x2", *EDSR, 2, "b709bea0d3e3a7a1c84eb1eaa6e5e777f176edcfca00b3b5acde5320eb630211", 60),
    _super_image("edsr-base-x4", *EDSR, 4, "9302a679cf3e656a8aefd4ae7cfae4dd86ca60b2e1c50fbe9e06dde9767d32ad"),
    _super_image("a2n-x2", *A2N, 2, "9d74fae20445e10613abe91bc2a8c65dc4d5dff75adfc7d9b38476a242d174be"),
    _super_image("a2n-x4", *A2N, 4),
)
"""Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", CVPRW 2017; Chen et al., "Attention
in Attention Network for Image Super-Resolution", 2021."""


def _vitmatte(name: str, repo: str, revision: str, rank: int, *files: tuple[str, str, int]) -> Model:
    return Model(
        name=name,
        purpose="matte",
        family="vitmatte",
        licence="Apache-2.0",
        commercial=True,
        homepage=f"https://huggingface.co/{repo}",
        files=tuple(ModelFile(*file, (HubSource(repo, file[0], revision),)) for file in files),
        rank=rank,
        rank_cpu=0,
    )


PREPROCESSOR = ("preprocessor_config.json", "0db558038b96a3f5c97e46d4ec8966fcc479e9aa58a391bca60b5094a5f7fee0", 284)

VITMATTE = (
    _vitmatte(
        "vitmatte-small",
        "hustvl/vitmatte-small-composition-1k",
        "main",
        60,
        ("model.safetensors", "bda9289db1bb6762d978b42d1c62ae3f34daf7497171a347a1d09657efd788cb", 103_294_572),
        ("config.json", "ae1006f5a83227048b563b2e60709d4203e432b2276949ebef41a8cfeeeaf45f", 837),
        PREPROCESSOR,
    ),
    _vitmatte(
        "vitmatte-base",
        "hustvl/vitmatte-base-composition-1k",
        "bf486d01a7d9e3dbcc8400f7942835caf0eaf76e",
        70,
        ("pytorch_model.bin", "b2521bcc4b719fb24611c39605b6642162fd7502e69b3cc846506ca921757b41", 0),
        ("config.json", "67d70e8cbd850adfde5714af6e1b4078cd266b8867a362cdf6023f1f9e045634", 0),
        PREPROCESSOR,
    ),
)
"""Yao et al., "ViTMatte: Boosting Image Matting with Pretrained Plain Vision Transformers", Information Fusion 2024."""
