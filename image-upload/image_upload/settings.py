"""The settings of this service, in addition to those of Kafka."""

from pictures import PictureSettings
from pydantic import PositiveInt
from service import PublicUrl, Settings


class UploadSettings(PictureSettings, Settings):
    uploads_per_minute: PositiveInt = 600
    notifications_per_hour: PositiveInt = 300
    public_url: PublicUrl = "http://localhost:8080"

    @property
    def max_request_bytes(self) -> int:
        """Ten pictures of the maximum size; the gateway has the same limit."""
        return self.max_upload_mb * 10 * 1024 * 1024
