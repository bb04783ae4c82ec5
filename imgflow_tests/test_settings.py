"""Settings: from the environment and .env, with errors that name the variable."""

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from imgflow.errors import SettingsError
from imgflow.settings import Settings, load_settings, unknown_variables


def test_everything_lives_below_the_home_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("IMGFLOW_HOME", "/data/shop")
    settings = load_settings()
    assert settings.store_location == "/data/shop/store"
    assert settings.catalog_location == "sqlite:////data/shop/catalog.db"
    assert settings.models_location == Path("/data/shop/models")
    assert settings.dagster_home == Path("/data/shop/dagster")


def test_a_dotenv_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / ".env").write_text("IMGFLOW_BATCH_SIZE=7\nOTHER=1\n")
    monkeypatch.chdir(tmp_path)
    assert load_settings().batch_size == 7


@pytest.mark.parametrize(
    ("name", "value"),
    [("BATCH_SIZE", "0"), ("DEVICE", "gpu"), ("STORE", "ftp://host/dir"), ("RECIPES", "shoes.yaml")],
)
def test_bad_values_are_told_by_their_variable(name: str, value: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(f"IMGFLOW_{name}", value)
    with pytest.raises(SettingsError, match=f"(?i){name}"):
        load_settings()


@pytest.mark.parametrize("name", ["RECIPES", "STAGE_DEVICES", "WORKERS"])
def test_what_is_written_as_json_is_told(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv(f"IMGFLOW_{name}", "{shoes")
    with pytest.raises(SettingsError, match=f"IMGFLOW_{name}.* written as JSON"):
        load_settings()


def test_variables_that_are_no_settings_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("IMGFLOW_BATCH_SIZE", "7")
    assert unknown_variables() == []
    monkeypatch.setenv("IMGFLOW_MAXPIXELS", "1")
    (tmp_path / ".env").write_text("IMGFLOW_BATCH_SIZE=7\nIMGFLOW_ZZZZZZZZZZ=1\nOTHER=1\n")
    assert unknown_variables() == [
        "IMGFLOW_MAXPIXELS: is no setting; did you mean IMGFLOW_MAX_PIXELS?",
        "IMGFLOW_ZZZZZZZZZZ: is no setting",
    ]


def test_secrets_do_not_show():
    settings = Settings(catalog_url="postgresql://shop:hunter2@db/imgflow", s3_secret_access_key="hunter3")  # type: ignore[arg-type]
    assert "hunter" not in repr(settings)


def test_every_setting_is_described():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def as_written(default: object) -> str:
    """A default as it would stand in a .env file."""
    if default is None or default == "":
        return ""
    if isinstance(default, SecretStr):
        return as_written(default.get_secret_value())
    return json.dumps(default) if isinstance(default, bool | dict) else str(default)


def test_the_readme_names_every_setting_with_its_default_and_meaning():
    rows = []
    for name, field in Settings.model_fields.items():
        default = as_written(field.get_default(call_default_factory=True))
        code = f"`{default}`" if default else ""
        rows.append(f"| `IMGFLOW_{name.upper()}` | {code} | {field.description} |")
    readme = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    section = readme.partition("\n## Settings\n")[2].partition("\n## ")[0]
    assert [line for line in section.splitlines() if line.startswith("| `")] == rows
