"""The settings of this service, beside those of Kafka."""

from bus.settings import Settings
from pictures import Store
from pydantic import Field, PositiveInt, field_validator


class UploadSettings(Settings):
    store_url: str = "file:///data"
    max_upload_mb: PositiveInt = Field(20, le=1_000)
    max_megapixels: PositiveInt = Field(50, le=170)
    uploads_per_minute: PositiveInt = 600
    public_url: str = "http://localhost:8080"

    @field_validator("store_url")
    @classmethod
    def _is_a_store(cls, url: str) -> str:
        Store(url)
        return url

    @property
    def max_request_bytes(self) -> int:
        """Ten pictures at the limit; the gateway in front holds the same."""
        return self.max_upload_mb * 10 * 1024 * 1024
