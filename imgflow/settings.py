"""All settings, from IMGFLOW_* variables or a `.env` file."""

import difflib
from pathlib import Path
from typing import Literal, get_origin

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, EnvSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableSettingsError

from imgflow.errors import SettingsError


class Settings(BaseSettings):
    """Settings of one imgflow catalog. Frozen; two catalogs side by side are two `Settings`."""

    model_config = SettingsConfigDict(
        env_prefix="IMGFLOW_", env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
    )

    home: Path = Field(
        default=Path("imgflow-data"), description="where store, catalog, models and the Dagster instance live"
    )
    store: str = Field(default="", description="a folder or s3://bucket/prefix; empty: `store` below the home")
    catalog_url: SecretStr = Field(
        default=SecretStr(""), description="SQLAlchemy URL of the catalog; empty: a SQLite file below the home"
    )
    models_dir: Path | None = Field(
        default=None, description="where model weights are kept; empty: `models` below the home"
    )

    s3_endpoint_url: str | None = Field(default=None, description="address of an S3 server other than Amazon's")
    s3_region: str | None = Field(default=None, description="S3 region")
    s3_access_key_id: SecretStr | None = Field(default=None, description="S3 key; empty: boto3's usual places")
    s3_secret_access_key: SecretStr | None = Field(default=None, description="S3 secret; empty: boto3's usual places")
    s3_encryption: Literal["", "AES256"] = Field(default="", description="server-side encryption asked for each object")
    presign_seconds: int = Field(default=3600, ge=1, le=604_800, description="how long a presigned link is good")

    max_bytes: int = Field(default=50_000_000, gt=0, description="largest file taken in, bytes")
    max_pixels: int = Field(default=120_000_000, gt=0, description="most pixels taken in")
    min_side: int = Field(default=16, ge=1, description="shortest side taken in, pixels")
    max_side: int = Field(default=16_384, ge=1, description="longest side taken in, pixels")
    max_aspect: float = Field(default=20.0, ge=1, description="largest ratio of the longer to the shorter side")

    batch_size: int = Field(
        default=25, ge=1, le=10_000, description="most photos in a batch; 1 makes each photo a partition"
    )
    recipe: Path | None = Field(default=None, description="recipe of every photo that no other recipe is for")
    recipes: dict[str, Path] = Field(
        default_factory=dict, description='recipes by folder, as JSON: {"shoes": "shoes.yaml"}'
    )

    drop_interval_seconds: int = Field(default=10, ge=1, description="time between two looks at the inbox")
    drop_runs_per_tick: int = Field(default=10, ge=1, le=500, description="most runs requested at one look")
    drop_photos_per_tick: int = Field(
        default=2000, ge=1, description="most new photos taken into the catalog at one look"
    )
    settle_seconds: float = Field(default=3.0, ge=0, description="a local file must have been unchanged this long")
    refresh_cron: str = Field(default="0 2 * * *", description="when the nightly refresh runs")
    refresh_timezone: str = Field(default="UTC", description="time zone of refresh_cron")
    catalog_prefix: str = Field(
        default="", description="a folder or s3:// prefix with photos that is only read, and listed once a night"
    )

    device: Literal["auto", "cpu", "cuda", "tensorrt", "mps"] = Field(
        default="auto", description="where models run; tensorrt: ONNX models through TensorRT, the others as with cuda"
    )
    strict_device: bool = Field(default=False, description="fail rather than fall back to another device")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        default="auto", description="how models compute; auto: as fast as the model bears without visible loss"
    )
    compile: Literal["off", "auto"] = Field(
        default="off",
        description="auto: PyTorch compiles segmenters on CUDA, with CUDA graphs; a worker's first photo waits for it",
    )
    model_memory: int = Field(
        default=0,
        ge=0,
        description="bytes for the weights of all models of a process; 0: 60 % of the device's memory",
    )
    executor: Literal["resident", "in_process", "multiprocess", "celery"] = Field(
        default="resident",
        description="where steps run: in resident workers, one a device; in the run's process; in one each; by Celery",
    )
    stage_devices: dict[str, Literal["cpu", "gpu"]] = Field(
        default_factory=lambda: {"matte": "gpu", "enhance": "gpu"},
        description="stages whose steps are tagged and pooled as gpu, as JSON",
    )
    celery_broker_url: SecretStr = Field(
        default=SecretStr(""), description="queues and results of the celery executor, such as redis://:password@host/0"
    )
    celery_lost_seconds: int = Field(
        default=90, ge=15, description="a step whose Celery worker has been gone this long goes to another worker"
    )
    workers: dict[str, int] = Field(
        default_factory=dict,
        description='resident workers by device, as JSON: {"cpu": 2}; else one for each GPU and one for the rest',
    )
    worker_idle_seconds: float = Field(
        default=900.0, gt=0, description="a resident worker without a step for so long ends and frees its memory"
    )
    pixels_in_flight: int = Field(
        default=60_000_000,
        ge=0,
        description="pixels of photos that a stage reads ahead, works on and writes at once; 0: one after another",
    )
    threads: int = Field(
        default=0, ge=0, description="threads of each process that works on photos; 0: as many as it may use cores"
    )

    @field_validator("store", "catalog_prefix")
    @classmethod
    def _no_other_scheme(cls, value: str) -> str:
        if "://" in value and not value.startswith("s3://"):
            raise ValueError("must be a folder or s3://bucket/prefix")
        return value

    @property
    def store_location(self) -> str:
        """The folder or s3:// prefix of the store."""
        return self.store or str(self.home / "store")

    @property
    def catalog_location(self) -> str:
        """The catalog's SQLAlchemy URL."""
        return self.catalog_url.get_secret_value() or f"sqlite:///{self.home / 'catalog.db'}"

    @property
    def models_location(self) -> Path:
        """The folder of the model store."""
        return self.models_dir or self.home / "models"

    @property
    def dagster_home(self) -> Path:
        """The folder of the Dagster instance that `make dev` and `make demo` use."""
        return self.home / "dagster"


def load_settings() -> Settings:
    """Settings from the environment.

    Raises:
        SettingsError: a variable has a bad value; the message names each.
    """
    try:
        return Settings()  # type: ignore[call-arg]
    except ValidationError as error:
        lines = [
            f"{_variable('.'.join(map(str, e['loc'])))}: {e['msg'].removeprefix('Value error, ')}"
            for e in error.errors()
        ]
        raise SettingsError("\n".join(lines)) from error
    except UnreadableSettingsError as error:
        # pydantic-settings' own error, for a value that is not the JSON it should be.
        fields = Settings.model_fields.items()
        of_json = [_variable(name) for name, field in fields if get_origin(field.annotation) is dict]
        raise SettingsError(f"{error}: {', '.join(of_json)} are written as JSON") from error


def unknown_variables() -> list[str]:
    """IMGFLOW_* variables and lines of `.env` that are no setting, each with a word on what may have been meant."""
    known = list(map(_variable, Settings.model_fields))
    given = {*EnvSettingsSource(Settings).env_vars, *DotEnvSettingsSource(Settings).env_vars}
    unknown = sorted(name.upper() for name in given if name.upper().startswith("IMGFLOW_"))
    return [f"{name}: is no setting{_meant(name, known)}" for name in unknown if name not in known]


def _meant(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""


def _variable(field: str) -> str:
    return f"IMGFLOW_{field.upper()}"
