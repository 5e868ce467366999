"""Makes every uploaded picture grey: consumes `image`, writes the result, publishes `notification`."""

from bus import ImageUploaded, OperationFinished, Worker, load
from pictures import Operation, PictureSettings, Refused

from .grayed import grayed

settings = load(PictureSettings)
operation = Operation("grayscale", grayed, settings.store, settings.limits)
worker = Worker("grayscale-worker", final=Refused)


@worker.on("image", publishes="notification", in_child=True, side_by_side=3)
def grayscale(upload: ImageUploaded) -> OperationFinished:
    return upload.finished(operation.name, operation(upload.new_file))


@grayscale.on_failure
def not_grey(upload: ImageUploaded, error: Exception) -> OperationFinished:
    return upload.failed(operation.name, operation.failed(upload.new_file, error, upload.lang))


if __name__ == "__main__":
    worker.run()
