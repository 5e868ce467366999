"""What all services that handle pictures are told by their environment."""

from functools import cached_property

from pydantic import Field, PositiveInt, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from .check import Limits
from .store import Store


class PictureSettings(BaseSettings):
    """Where the store is, and what a picture may measure."""

    model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)

    store_url: str = "file:///data"
    max_upload_mb: PositiveInt = Field(20, le=1_000)
    max_megapixels: PositiveInt = Field(50, le=170)

    @field_validator("store_url")
    @classmethod
    def _is_a_store(cls, url: str) -> str:
        Store(url)
        return url

    @cached_property
    def store(self) -> Store:
        return Store(self.store_url)

    @cached_property
    def limits(self) -> Limits:
        return Limits(self.max_upload_mb, self.max_megapixels)
