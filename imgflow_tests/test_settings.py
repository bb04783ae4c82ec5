"""Settings: from the environment and .env, with errors that name the variable."""

from pathlib import Path

import pytest

from imgflow.errors import SettingsError
from imgflow.settings import Settings, load_settings


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


def test_secrets_do_not_show():
    settings = Settings(catalog_url="postgresql://shop:hunter2@db/imgflow", s3_secret_access_key="hunter3")  # type: ignore[arg-type]
    assert "hunter" not in repr(settings)


def test_every_setting_is_described():
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []
