"""Recipes: defaults, files with errors that say where, and overrides."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from imgflow.errors import RecipeError
from imgflow.recipe import STAGES, PublishConfig, Recipe
from imgflow.recipe_file import apply_overrides, choose_steps, load_recipe, parse_recipe, without_effect


def test_the_default_recipe_cleans_and_cuts_out_but_does_not_enlarge():
    recipe = Recipe()
    assert [stage for stage in STAGES if recipe.is_on(stage)] == ["denoise", "shadow", "matte", "publish"]


def test_an_empty_file_is_the_default_recipe():
    assert parse_recipe("# nothing set\n", "r.yaml") == Recipe()


def test_a_stage_can_be_turned_off_by_its_name():
    recipe = parse_recipe("shadow: off\nmatte: {refine: none}\n", "r.yaml")
    assert recipe.steps == ("denoise", "matte")
    assert recipe.matte.refine == "none"


def test_the_order_of_steps_in_the_file_does_not_matter_to_the_pipeline():
    recipe = parse_recipe("steps: [enhance, matte]\n", "r.yaml")
    assert [stage for stage in STAGES if recipe.is_on(stage)] == ["matte", "enhance", "publish"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("matte:\n  band: 3\n", "shop.yaml:2: matte.band: "),
        ("\n\nmatte:\n  bands: 0.01\n", "shop.yaml:4: matte.bands: there is no such field"),
        ("denoise: {}\nshadows: {}\n", "shop.yaml:2: shadows: there is no such field"),
        ("steps:\n  - denoise\n  - sharpen\n", "shop.yaml:3: steps.1: "),
        (
            "publish:\n  background: white\n",
            "shop.yaml:2: publish.background: a colour is written",
        ),
        ("matte: [\n", "shop.yaml:2: not valid YAML"),
        ("- denoise\n", "shop.yaml:1: a recipe is a mapping"),
        ("publish: off\n", "shop.yaml:1: publish: must be options with their values"),
        ("steps: matte\n", "shop.yaml:1: steps: must be a list"),
    ],
)
def test_errors_name_file_line_and_field(text: str, message: str):
    with pytest.raises(RecipeError) as error:
        parse_recipe(text, "shop.yaml")
    assert message in str(error.value)


def test_every_mistake_is_told_at_once():
    with pytest.raises(RecipeError) as error:
        parse_recipe("matte: {band: 3}\nenhance: {scale: 99}\n", "r.yaml")
    assert [line.split(": ")[1] for line in str(error.value).splitlines()] == ["matte.band", "enhance.scale"]


def test_a_file_that_is_not_there_or_not_text_is_told(tmp_path: Path):
    with pytest.raises(RecipeError, match="cannot be read as a recipe"):
        load_recipe(tmp_path / "none.yaml")
    (tmp_path / "photo.yaml").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(RecipeError, match="cannot be read as a recipe"):
        load_recipe(tmp_path / "photo.yaml")


def test_overrides_from_the_command_line():
    recipe = apply_overrides(Recipe(), ["matte.refine=none", "enhance.scale=4", "publish.background=#102030"])
    assert recipe.matte.refine == "none"
    assert recipe.enhance.scale == 4
    assert recipe.publish.background_rgb == (16, 32, 48)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("matte", "must look like stage.option=value"),
        ("matting.refine=none", "there is no stage 'matting'"),
        ("matte.refined=none", "matte has no option 'refined'; it has model, refine"),
        ("matte.openings=much", "'auto' or 'off'"),
        ("matte.model=u2netp,,isnet", "a name is missing"),
        ("enhance.scale=[", "--set enhance.scale=["),
    ],
)
def test_bad_overrides_say_what_is_wrong(text: str, message: str):
    with pytest.raises(RecipeError) as error:
        apply_overrides(Recipe(), [text])
    assert message in str(error.value)


def test_steps_from_the_command_line_replace_the_recipes():
    assert choose_steps(Recipe(), "matte,enhance").steps == ("matte", "enhance")
    assert choose_steps(Recipe(), "").steps == ()
    with pytest.raises(RecipeError, match="--steps blur"):
        choose_steps(Recipe(), "blur")


def test_changes_of_stages_that_are_off_are_told():
    changes, all_on = ["enhance.scale=2", "matte.clean=0", "publish.quality=90"], Recipe(steps=("matte", "enhance"))
    assert without_effect(changes, [Recipe(steps=("matte",)), all_on]) == []
    assert without_effect(changes, [Recipe(steps=("matte",)), Recipe(steps=())]) == [
        "--set enhance.scale=2: has no effect, since enhance is not among the steps that run"
    ]


def test_off_is_a_word_where_it_is_one_and_false_elsewhere():
    recipe = parse_recipe("matte: {openings: off, second_look: off, decontaminate: off}", "r.yaml")
    assert (recipe.matte.openings, recipe.matte.second_look, recipe.matte.decontaminate) == ("off", "off", False)
    assert apply_overrides(Recipe(), ["matte.openings=off"]).matte.openings == "off"
    assert not parse_recipe("shadow: off", "r.yaml").is_on("shadow")


def test_what_metadata_is_kept_is_one_choice_however_it_is_written():
    texts = ("place, artist", ["artist", "place"], ["place", "artist", "place"])
    assert {PublishConfig(keep=text).keep for text in texts} == {("artist", "place")}
    assert PublishConfig(keep="").keep == PublishConfig(keep=[]).keep == ()
    with pytest.raises(ValidationError):
        PublishConfig(keep="serial_number")
    assert apply_overrides(Recipe(), ["publish.keep=copyright,place"]).publish.keep == ("copyright", "place")
    assert apply_overrides(Recipe(), ["publish.keep="]).publish.keep == ()
