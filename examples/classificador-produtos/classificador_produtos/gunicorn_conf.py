"""The gunicorn configuration: a signal to stop counts while the model is loaded, too.

gunicorn handles signals only after `--preload`. The first process of a container gets none that it does not handle, so
SIGTERM would be lost, and the container killed.
"""

import os
import signal

for _number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(_number, lambda *_: os._exit(0))  # nothing is served yet; gunicorn then sets handlers of its own
