"""The segmenters on PyTorch that imgflow knows: BiRefNet in all variants, InSPyReNet. Another model is another row.

Hashes, sizes and revisions are as public repositories pin them; where none is known, the model store's lock file pins
what is pulled first. None of these weights could be tried where this was written. The order of
BiRefNet's patches is that of the code with which the weights were trained, as far as it is known (see
pytorch/birefnet/weights.py); `OLD` and `NEW` differ only by the picture that comes out.
"""

from typing import Any

from imgflow.models.known.colours import IMAGENET
from imgflow.models.model import HubSource, Model, ModelFile, UrlSource

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
