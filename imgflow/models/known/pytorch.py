"""The models on PyTorch that imgflow knows. Another model is another row.

Hashes, sizes and revisions are as public repositories pin them; where none is known, the model store's lock file pins
what is pulled first. None of these weights could be tried where this was written. The order of BiRefNet's patches is
that of the code with which the weights were trained, as far as it is known (see
pytorch/birefnet/weights.py); `OLD` and `NEW` differ only by the picture that comes out.
"""

from typing import Any

from imgflow.models.known.onnx import IMAGENET
from imgflow.models.model import HubSource, Model, ModelFile, Purpose, Source, UrlSource

TRANSPARENT_BACKGROUND = "https://github.com/plemeri/transparent-background/releases/download/1.2.12"

OLD, NEW = "wg_hg_c", "c_hg_wg"


def _birefnet(
    name: str,
    repo: str,
    revision: str,
    sha256: str,
    length: int,
    input_size: int,
    order: str,
    backbone: str = "swin_l",
    rank: int = 0,
    **options: Any,
) -> Model:
    source = HubSource(f"ZhengPeng7/{repo}", "model.safetensors", revision)
    return Model(
        name=name,
        purpose="segment",
        family="birefnet",
        licence="MIT",
        commercial=True,
        homepage=f"https://huggingface.co/ZhengPeng7/{repo}",
        files=(ModelFile("model.safetensors", sha256, length, (source,)),),
        input_size=input_size,
        rank=rank,
        rank_cpu=0,  # 10 to 50 s a photo there
        options={"backbone": backbone, "patch_order": order, **options},
        **IMAGENET,
    )


BIREFNET = (
    _birefnet(
        "birefnet",
        "BiRefNet",
        "e2bf8e4460fc8fa32bba5ea4d94b3233d367b0e4",
        "9ab37426bf4de0567af6b5d21b16151357149139362e6e8992021b8ce356a154",
        444_473_596,
        1024,
        OLD,
        rank=66,
    ),
    _birefnet(
        "birefnet-matting",
        "BiRefNet-matting",
        "57f9f68b43ba337c75762b14cf3075d659007268",
        "a9875de5b1e6c8eb5fdaa8c727a82927ce442cdc87ba3abee6a77e6fa46c25bb",
        884_878_856,
        1024,
        OLD,
    ),
    _birefnet(
        "birefnet-hr",
        "BiRefNet_HR",
        "a7a562f6fd16021180f2f4348f4de003a2d3d1e1",
        "9d678bafec0b0019fbb073b7fd02f05ede25dc4b15254f23b2fb0be333200c0d",
        444_473_596,
        2048,
        NEW,
        rank=68,
    ),
    _birefnet(
        "birefnet-hr-matting",
        "BiRefNet_HR-matting",
        "5d6b6f8adcb5b417c871b1d84ceaae9871355b7f",
        "a5a4de698739ea5e0e8bbab28e1b293dde95092b87a442d566cbc585c53cef55",
        444_473_596,
        2048,
        NEW,
    ),
    _birefnet(
        "birefnet-dynamic",
        "BiRefNet_dynamic",
        "280306042f57b7a33854319da62fd86aaa89ec4c",
        "e3d2e4884e51ff30f0cd630edc6b1e41b06b7f23a0a2a5169f7b7cb33a711c2d",
        444_473_596,
        1024,
        NEW,
        dynamic=True,
    ),
    _birefnet(
        "birefnet-512",
        "BiRefNet_512x512",
        "main",
        "d94ae0eefb2d2020192001e984ecd6b367478118257a3132e6a484bbf18b0f41",
        444_473_596,
        512,
        NEW,
    ),
    _birefnet(
        "birefnet-lite",
        "BiRefNet_lite",
        "7838f1c3472f827cd8ce13ab5ccc2ce48077360f",
        "4417d89795250e698c3cb0ae8df15743810065f646f48a694fdfa7ca052d0815",
        177_634_392,
        1024,
        OLD,
        "swin_t",
        rank=58,
    ),
    _birefnet(
        "birefnet-lite-2k",
        "BiRefNet_lite-2K",
        "67d658fa863b1e716c3854270645e68860007d0e",
        "aa2e4a5af5eb3904694feb40f2b39ec5dd7cd9110906590cfeb982f09a46021d",
        177_634_392,
        2048,
        OLD,
        "swin_t",
        size=(2560, 1440),
    ),
    Model(
        name="rmbg-2.0",
        purpose="segment",
        family="birefnet",
        licence="bria-rmbg-2.0",
        commercial=False,
        homepage="https://huggingface.co/briaai/RMBG-2.0",
        files=(
            ModelFile(
                "model.safetensors",
                "566ed80c3d95f87ada6864d4cbe2290a1c5eb1c7bb0b123e984f60f76b02c3a7",
                884_878_856,
                (HubSource("briaai/RMBG-2.0", "model.safetensors", "5df4c9c76d8170882c34f6986e848ee07fd0ba43"),),
            ),
        ),
        input_size=1024,
        options={"backbone": "swin_l", "patch_order": OLD},
        **IMAGENET,
    ),
)
"""Zheng et al., "Bilateral Reference for High-Resolution Dichotomous Image Segmentation", CAAI AIR 2024."""


def _inspyrenet(name: str, file: str, input_size: int, sha256: str, size: int, md5: str, rank: int = 0) -> Model:
    sources = (UrlSource(f"{TRANSPARENT_BACKGROUND}/{file}"), HubSource("plemeri/InSPyReNet", file))
    return Model(
        name=name,
        purpose="segment",
        family="inspyrenet",
        licence="MIT",
        commercial=True,
        homepage="https://github.com/plemeri/transparent-background",
        files=(ModelFile(file, sha256, size, sources, md5=md5),),
        input_size=input_size,
        rank=rank,
        rank_cpu=0,
        **IMAGENET,
    )


INSPYRENET = (
    _inspyrenet(
        "inspyrenet",
        "ckpt_base.pth",
        1024,
        "0a6fe2a73ab0532d6d0b8d82849a9760a226df719e3063d09b4149ece6f80fcd",
        367_520_613,
        "d692e3dd5fa1b9658949d452bebf1cda",
        rank=56,
    ),
    _inspyrenet(
        "inspyrenet-fast",
        "ckpt_fast.pth",
        384,
        "e61ed7e85763dd83a796e1d650ea78604fff524121750858c54a6b560ac58c82",
        0,  # nobody tells
        "9efdbfbcc49b79ef0f7891c83d2fd52f",
    ),
)
"""Kim et al., "Revisiting Image Pyramid Structure for High Resolution Salient Object Detection", ACCV 2022."""

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

TORCH: tuple[Model, ...] = (*BIREFNET, *INSPYRENET, *RESTORERS, *SUPER_IMAGE, *VITMATTE)
