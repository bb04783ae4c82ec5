"""Reading recipes: YAML files and `stage.option=value` overrides, with errors that say where."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from imgflow.errors import RecipeError
from imgflow.recipe import STAGES, Recipe

RECIPE_NAME = "recipe.yaml"
"""A file of this name beside photos is the recipe of that folder and of the folders below it."""


_PLAIN = {
    "extra_forbidden": "there is no such field",
    "tuple_type": "must be a list, such as [denoise, matte]",
    "model_type": "must be options with their values, such as {strength: 0.5}",
}
"""What pydantic says in terms of Python, by its types of problems."""


def load_recipe(path: Path) -> Recipe:
    """Read a recipe file.

    Raises:
        RecipeError: the file cannot be read or is no valid recipe; the message names file, line and field.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: cannot be read as a recipe ({error})") from error
    return parse_recipe(text, str(path))


def parse_recipe(text: str, name: str) -> Recipe:
    """Parse a recipe's YAML text; `name` is what errors call it.

    Raises:
        RecipeError: as `load_recipe`.
    """
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        values: Any = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise RecipeError(f"{name}:{line}: not valid YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise RecipeError(f"{name}:1: not valid YAML: {error}") from error
    if values is None:
        return Recipe()
    if not isinstance(values, dict):
        raise RecipeError(f"{name}:1: a recipe is a mapping of stages to their parameters, not {type(values).__name__}")
    # `shadow: off` (YAML false) reads better than leaving a name out of `steps`; both are allowed.
    values = _without_stages_turned_off(values)  # type: ignore[reportUnknownVariableType]
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise RecipeError("\n".join(_describe(problem, root, name) for problem in error.errors())) from error


def choose_steps(recipe: Recipe, text: str) -> Recipe:
    """The recipe with exactly the stages named in a text such as `denoise,matte` switched on.

    Raises:
        RecipeError: a name is no stage that can be switched.
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    try:
        return Recipe.model_validate(recipe.model_dump() | {"steps": names})
    except ValidationError as error:
        raise RecipeError(f"--steps {text}: stages are denoise, shadow, matte, enhance, separated by commas") from error


def apply_overrides(recipe: Recipe, assignments: list[str]) -> Recipe:
    """Apply `stage.option=value` texts, as given to `imgflow process --set`.

    Raises:
        RecipeError: a text has another form, names an unknown option, or has a bad value.
    """
    for text in assignments:
        target, equals, value = text.partition("=")
        stage, dot, option = target.strip().partition(".")
        if not equals or not dot:
            raise RecipeError(f"--set {text}: must look like stage.option=value, for example matte.refine=none")
        if stage not in STAGES:
            raise RecipeError(f"--set {text}: there is no stage {stage!r}; stages are {', '.join(STAGES)}")
        options = type(recipe.config(stage)).model_fields
        if option not in options:
            raise RecipeError(f"--set {text}: {stage} has no option {option!r}; it has {', '.join(options)}")
        try:
            # A colour such as #ffffff would be a comment to YAML.
            parsed = value if value.startswith("#") else yaml.safe_load(value)
            recipe = recipe.with_overrides(stage, {option: parsed})
        except (ValidationError, yaml.YAMLError) as error:
            problem = _plainly(error.errors()[0]) if isinstance(error, ValidationError) else str(error)
            raise RecipeError(f"--set {text}: {problem}") from error
    return recipe


def without_effect(assignments: Sequence[str], recipes: Iterable[Recipe]) -> list[str]:
    """Of texts that `apply_overrides` took, those for a stage that is off in every one of these recipes; with why."""
    on = {stage for recipe in recipes for stage in STAGES if recipe.is_on(stage)}
    targets = {text: text.partition(".")[0].strip() for text in assignments}
    return [
        f"--set {text}: has no effect, since {stage} is not among the steps that run"
        for text, stage in targets.items()
        if stage not in on
    ]


def _without_stages_turned_off(values: dict[str, Any]) -> dict[str, Any]:
    off = [stage for stage in STAGES if values.get(stage) is False]
    if not off or "publish" in off:
        return values
    steps = values.get("steps", Recipe().steps)
    kept = [step for step in steps if step not in off] if isinstance(steps, list | tuple) else steps
    return {key: value for key, value in values.items() if key not in off} | {"steps": kept}


def _describe(problem: Any, root: yaml.Node | None, name: str) -> str:
    path = problem["loc"]
    field = ".".join(str(part) for part in path) or "recipe"
    return f"{name}:{_line_of(root, path)}: {field}: {_plainly(problem)}"


def _plainly(problem: Any) -> str:
    return _PLAIN.get(problem["type"]) or str(problem["msg"]).removeprefix("Value error, ")


def _line_of(node: yaml.Node | None, path: tuple[int | str, ...]) -> int:
    line = node.start_mark.line + 1 if node else 1
    for part in path:
        if isinstance(node, yaml.MappingNode):
            entry = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if entry is None:
                break
            line = entry[0].start_mark.line + 1
            node = entry[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            item: yaml.Node = node.value[part]
            node, line = item, item.start_mark.line + 1
        else:
            break
    return line
