"""Captions every uploaded picture with its name: consumes `image`, writes the result, publishes `notification`."""

from bus import Worker
from events import ImageUploaded, OperationFinished
from pictures import Operation, PictureSettings, Refused
from service import load

from .captioned import captioned

settings = load(PictureSettings)
operation = Operation("caption", captioned, settings.store, settings.limits)
worker = Worker("caption-worker", permanent_errors=Refused)


@worker.on("image", publishes="notification", sandboxed=True, concurrency=3)
def caption(upload: ImageUploaded) -> OperationFinished:
    return upload.finished(operation.name, operation(upload.new_file, upload.original_name))


@caption.on_failure
def not_captioned(upload: ImageUploaded, error: Exception) -> OperationFinished:
    return upload.failed(operation.name, operation.failed(upload.new_file, error, upload.lang))


if __name__ == "__main__":
    worker.run()
