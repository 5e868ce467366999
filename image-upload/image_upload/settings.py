"""The settings of this service, beside those of Kafka."""

from bus import PublicUrl, Settings
from pictures import PictureSettings
from pydantic import PositiveInt


class UploadSettings(PictureSettings, Settings):
    uploads_per_minute: PositiveInt = 600
    notifications_per_hour: PositiveInt = 300
    public_url: PublicUrl = "http://localhost:8080"

    @property
    def max_request_bytes(self) -> int:
        """Ten pictures at the limit; the gateway in front holds the same."""
        return self.max_upload_mb * 10 * 1024 * 1024
