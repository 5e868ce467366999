"""The suite's runtime by itself: a worker whose handler does nothing, or answers at once."""

from bench.handled import ANSWERING, tell_first
from bus import Worker
from events import ImageUploaded, OperationFinished

worker = Worker("bare-worker")

if ANSWERING:

    @worker.on("image", publishes="notification")
    def answer(upload: ImageUploaded) -> OperationFinished:
        tell_first()
        return upload.finished("nothing", upload.new_file)
else:

    @worker.on("image")
    def ignore(upload: ImageUploaded) -> None:
        tell_first()


worker.run()
