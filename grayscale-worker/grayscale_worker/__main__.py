"""Converts every uploaded picture to greyscale: consumes `image`, writes the result, publishes `notification`."""

from bus import Worker
from events import ImageUploaded, OperationFinished
from pictures import Operation, PictureSettings, Refused
from service import load

from .grayed import grayed

settings = load(PictureSettings)
operation = Operation("grayscale", grayed, settings.store, settings.limits)
worker = Worker("grayscale-worker", permanent_errors=Refused)


@worker.on("image", publishes="notification", sandboxed=True, concurrency=3)
def grayscale(upload: ImageUploaded) -> OperationFinished:
    return upload.finished(operation.name, operation(upload.new_file))


@grayscale.on_failure
def not_grey(upload: ImageUploaded, error: Exception) -> OperationFinished:
    return upload.failed(operation.name, operation.failed(upload.new_file, error, upload.lang))


if __name__ == "__main__":
    worker.run()
