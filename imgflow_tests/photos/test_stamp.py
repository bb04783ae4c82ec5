"""A published file says what made it, in places that others read; it can be read back, and says nothing private."""

import io
import json

import numpy as np
import pytest
from PIL import Image

from imgflow.errors import PhotoError
from imgflow.photos.decode import decode
from imgflow.photos.encode import encode
from imgflow.photos.inspection import inspect_file
from imgflow.photos.limits import Limits
from imgflow.photos.metadata import PhotoMetadata
from imgflow.photos.picture import Picture
from imgflow.photos.stamp import Stamp, StampedStage, read_stamp
from imgflow.photos.xmp import write_xmp
from imgflow.recipe import MatteConfig, PublishConfig
from imgflow_tests.photos.hard_files import saved, scene

PICTURE = Picture(scene(), np.tile(np.linspace(0, 255, 96).astype(np.uint8), (64, 1)))
MATTE = StampedStage(
    "matte", "4", MatteConfig().model_dump(mode="json"), {"u2netp": "97f3267cf2c86025cc2c5c50c58153cc"}
)
STAMP = Stamp([MATTE, StampedStage("publish", "3", {"background": '"<&>"', "keep": ["artist"]})])
SIGNED = PhotoMetadata("© Müller & Söhne <1>", "Ana")
KINDS = ("png", "webp", "jpeg")


def published(kind: str, stamp: Stamp = STAMP) -> bytes:
    return encode(PICTURE, PublishConfig(format=kind), SIGNED, stamp)


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_read_back(kind):
    data = published(kind)
    assert read_stamp(data) == STAMP
    assert decode(data).source.metadata == SIGNED
    assert data == published(kind), "the same bytes every time"


@pytest.mark.parametrize("kind", KINDS)
def test_pillow_finds_it_where_it_looks(kind):
    with Image.open(io.BytesIO(published(kind))) as image:
        assert image.getexif()[0x0131] == f"imgflow {STAMP.version}"
        xmp = image.info["xmp"].decode()
    for text in (STAMP.recipe, "u2netp", "97f3267cf2c86025cc2c5c50c58153cc", "closed_form", "<dc:rights>"):
        assert text in xmp


@pytest.mark.parametrize("kind", KINDS)
def test_it_can_be_left_out(kind):
    data = encode(PICTURE, PublishConfig(format=kind, stamp=False), SIGNED, STAMP)
    assert read_stamp(data) is None
    assert b"imgflow" not in data


@pytest.mark.parametrize("kind", KINDS)
def test_our_own_output_as_input_gets_the_new_stamp_only(kind):
    first = Stamp([StampedStage("matte", "3", {"old": "parameter"})], "0.0.9")
    photo = decode(published("png", first))
    data = encode(photo.picture, PublishConfig(format=kind), photo.source.metadata, STAMP)
    assert read_stamp(data) == STAMP
    assert b"old" not in data and b"0.0.9" not in data
    assert decode(data).source.metadata == SIGNED


def test_the_digest_names_how_it_was_made():
    others = [
        Stamp([StampedStage("matte", "5", MATTE.parameters, MATTE.models)]),
        Stamp([StampedStage("matte", "4", {**MATTE.parameters, "band": 0.01}, MATTE.models)]),
        Stamp([StampedStage("matte", "4", MATTE.parameters, {"u2netp": "other weights"})]),
        Stamp([StampedStage("matte", "4", dict(reversed(MATTE.parameters.items())), MATTE.models), STAMP.stages[1]]),
    ]
    assert len({STAMP.recipe, *(other.recipe for other in others)}) == 4, "all but the last, of another order, differ"


def test_no_folder_of_the_machine_is_told():
    names = {"/home/ana/models/shoes.onnx": "ab", "C:\\weights\\bags.onnx": "cd"}
    stage = StampedStage("matte", "4", {"model": ", ".join(names) + ", u2netp"}, names)
    data = published("png", Stamp([stage]))
    assert b"home" not in data and b"weights" not in data
    read = read_stamp(data)
    assert read is not None
    assert [name.strip() for name in read.stages[0].parameters["model"].split(",")] == [
        "shoes.onnx",
        "bags.onnx",
        "u2netp",
    ]
    assert read.stages[0].models == {"shoes.onnx": "ab", "bags.onnx": "cd"}


@pytest.mark.parametrize(
    "stages",
    ["", "not JSON", "[1]", '{"stage": 3}', "[" * 5000, '{"stage": "matte", "code": "4", "parameters": [1]}'],
)
def test_a_forged_stamp_does_no_harm(stages):
    xmp = write_xmp({"imgflow:Version": "9", "imgflow:Recipe": "x", "imgflow:Stages": [stages, stages]})
    data = saved(scene(), "WEBP", xmp=xmp)
    assert read_stamp(data) == Stamp([], "9", "x")
    assert decode(data).picture.width == 96


def test_it_survives_a_program_that_writes_properties_as_attributes():
    recipe = f"<imgflow:Recipe>{STAMP.recipe}</imgflow:Recipe>"
    xmp = write_xmp(STAMP.as_xmp()).decode()
    xmp = xmp.replace(recipe, "").replace('rdf:about=""', f"rdf:about='' imgflow:Recipe='{STAMP.recipe}'")
    assert read_stamp(saved(scene(), "WEBP", xmp=xmp.encode())) == STAMP


def test_a_photo_from_elsewhere_has_none():
    assert read_stamp(saved(scene(), "JPEG", xmp=write_xmp({"dc:rights": "imgflow:Version"}))) is None
    with pytest.raises(PhotoError):
        read_stamp(b"no picture")


def test_the_longest_texts_fit_into_a_jpeg():
    long = PhotoMetadata(*("&ü😀<" * 500,) * 3)
    data = encode(PICTURE, PublishConfig(format="jpeg"), long, STAMP)
    assert decode(data).source.metadata == long
    assert read_stamp(data) == STAMP


def test_inspection_tells_it_to_people_and_programs():
    found = inspect_file(published("png"), Limits())
    told = dict(found.lines())
    assert told["made by"] == f"imgflow {STAMP.version}"
    assert told["recipe"] == STAMP.recipe
    assert "refine=closed_form" in told["matte"] and "with u2netp (97f3267c" in told["matte"]
    assert json.loads(json.dumps(found.as_json()))["stamp"] == STAMP.as_json()
    assert dict(inspect_file(saved(scene(), "PNG"), Limits()).lines())["made by"] == "no stamp of imgflow"
