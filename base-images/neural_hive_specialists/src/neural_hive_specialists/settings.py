"""Configuration from the environment.

Every variable starts with ``HIVE_``. A service adds its own fields in a subclass. A field of type ``SecretStr`` is
masked wherever it is printed, and can come from a file, as mounted secrets do: ``HIVE_TOKEN_FILE=/run/secrets/token``
instead of ``HIVE_TOKEN``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from neural_hive_specialists.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_PREFIX = "HIVE_"
_MOST_SECRET_BYTES = 64 * 1024


class SecretFiles(PydanticBaseSettingsSource):
    """Reads ``HIVE_<FIELD>_FILE`` for every secret field."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        """Return the secret of ``field_name``, or None when no file is named for it."""
        variable = f"{_PREFIX}{field_name.upper()}_FILE"
        path = os.environ.get(variable)
        if path is None or not _is_secret(field):
            return None, field_name, False
        if f"{_PREFIX}{field_name.upper()}" in os.environ:
            raise ConfigurationError(f"{variable}: set either this or {_PREFIX}{field_name.upper()}, not both")
        try:
            with Path(path).open("rb") as file:
                data = file.read(_MOST_SECRET_BYTES + 1)
            if len(data) > _MOST_SECRET_BYTES:
                raise ConfigurationError(f"{variable}: {path} is larger than {_MOST_SECRET_BYTES} bytes")
            return data.decode().rstrip("\r\n"), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{variable}: cannot read {path}: {error}") from error

    def __call__(self) -> dict[str, Any]:
        """Return the values of all secret fields that have a file."""
        values = {name: self.get_field_value(field, name)[0] for name, field in self.settings_cls.model_fields.items()}
        return {name: value for name, value in values.items() if value is not None}


class Settings(BaseSettings):
    """What every service needs to know to start; the defaults suit a container with no environment at all."""

    model_config = SettingsConfigDict(env_prefix=_PREFIX, frozen=True, extra="ignore", hide_input_in_errors=True)

    service_name: str = Field(default="specialist", pattern=r"^[a-z][a-z0-9-]{0,62}$")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "console"] = "json"
    grpc_host: str = "[::]"
    grpc_port: int = Field(default=50051, ge=0, le=65535)
    http_host: str = "0.0.0.0"  # noqa: S104 -- a container is reached from outside or not at all
    http_port: int = Field(default=8000, ge=0, le=65535)
    check_seconds: float = Field(default=2.0, gt=0, le=60)
    shutdown_seconds: float = Field(default=5.0, ge=0, le=300)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- no .env files: an image is configured from outside
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003 -- replaced by SecretFiles
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take arguments before variables before files."""
        return init_settings, env_settings, SecretFiles(settings_cls)

    @classmethod
    def load(cls, **overrides: Any) -> Self:
        """Read the environment; ``overrides`` win.

        Raises:
            ConfigurationError: one or more variables are wrong; all are named, none of their values is shown.
        """
        try:
            return cls(**overrides)
        except ValidationError as error:
            problems = [
                f"{_PREFIX}{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
                for problem in error.errors(include_input=False, include_url=False)
            ]
            raise ConfigurationError("; ".join(problems)) from None

    def describe(self) -> dict[str, Any]:
        """Return the effective values for people and logs, secrets masked."""
        return self.model_dump(mode="json")


def _is_secret(field: FieldInfo) -> bool:
    return field.annotation is SecretStr or SecretStr in getattr(field.annotation, "__args__", ())
