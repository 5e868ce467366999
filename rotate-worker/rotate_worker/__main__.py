"""Turns every uploaded picture: consumes `image`, writes the turned picture, publishes `notification`."""

from bus import Worker
from events import ImageUploaded, OperationFinished
from pictures import Operation, Refused
from service import load

from .rotated import rotated
from .settings import RotateSettings

settings = load(RotateSettings)
degrees = int(settings.rotate_degrees)
operation = Operation("rotate", lambda picture: rotated(picture, degrees), settings.store, settings.limits)
worker = Worker("rotate-worker", permanent_errors=Refused)


@worker.on("image", publishes="notification", sandboxed=True, concurrency=3)
def rotate(upload: ImageUploaded) -> OperationFinished:
    return upload.finished(operation.name, operation(upload.new_file))


@rotate.on_failure
def not_rotated(upload: ImageUploaded, error: Exception) -> OperationFinished:
    return upload.failed(operation.name, operation.failed(upload.new_file, error, upload.lang))


if __name__ == "__main__":
    worker.run()
