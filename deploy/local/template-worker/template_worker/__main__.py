"""Flips every uploaded picture: consumes `image`, writes the result, publishes `notification`."""

from bus import Worker
from events import ImageUploaded, OperationFinished
from pictures import Operation, PictureSettings, Refused
from service import load

from .changed import changed

settings = load(PictureSettings)
operation = Operation("template", changed, settings.store, settings.limits)
worker = Worker("template-worker", permanent_errors=Refused)


@worker.on("image", publishes="notification", sandboxed=True)
def change(upload: ImageUploaded) -> OperationFinished:
    return upload.finished(operation.name, operation(upload.new_file))


@change.on_failure
def not_changed(upload: ImageUploaded, error: Exception) -> OperationFinished:
    return upload.failed(operation.name, operation.failed(upload.new_file, error, upload.lang))


if __name__ == "__main__":
    worker.run()
