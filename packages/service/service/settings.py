"""Settings from the environment: typed, with secrets from files, and one clear line if a value is wrong."""

import os
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import AfterValidator, AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from .exits import refuse_to_start

S = TypeVar("S", bound="Settings")
B = TypeVar("B", bound=BaseSettings)


class SecretFilesSource(EnvSettingsSource):
    """Reads any setting `X` from the file that `X_FILE` names, without the trailing line end."""

    def _load_env_vars(self) -> dict[str, str | None]:
        env = {name.lower(): value for name, value in os.environ.items()}
        found: dict[str, str | None] = {}
        for name, path in env.items():
            if name.endswith("_file") and path and not env.get(name.removesuffix("_file")):
                setting = name.removesuffix("_file")
                if setting in self._setting_names():
                    found[setting] = _read_secret(name, path)
        return found

    def _setting_names(self) -> set[str]:
        names = set()
        for name, field in self.settings_cls.model_fields.items():
            alias = field.validation_alias
            choices = alias.choices if isinstance(alias, AliasChoices) else [alias or name]
            names |= {str(choice).lower() for choice in choices}
        return names


PublicUrl = Annotated[
    str,
    Field(validation_alias=AliasChoices("public_url", "gateway_url")),
    AfterValidator(lambda url: url.rstrip("/")),
]
"""The address at which people reach the suite: PUBLIC_URL, or else GATEWAY_URL, which docker-compose.yml sets."""


class WrongSetting(ValueError):
    """A setting has an invalid value; the message names the variable."""


def _read_secret(name: str, path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSetting(f"{name.upper()}: {path} cannot be read: {error}") from None


class Settings(BaseSettings):
    """Base class of all settings. An empty variable counts as unset, because Compose passes unset ones on as empty."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, SecretFilesSource(settings_cls, env_ignore_empty=True)

    @classmethod
    def load(cls: type[S]) -> S:
        """Read the settings; if one is wrong, exit with status 78 and one line that names the variable."""
        return load(cls)


def load(settings: type[B]) -> B:
    """Read `settings` from the environment; if one is wrong, exit with status 78 and one line that names it."""
    try:
        return settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        message = first["msg"].removeprefix("Value error, ")
        line = f"{name}: {message}" if name else message
    except WrongSetting as error:
        line = str(error)
    return refuse_to_start(f"wrong setting: {line}")
