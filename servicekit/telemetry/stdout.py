"""Log lines reach standard output through a bounded queue and a thread of their own.

A reader that stalls therefore delays no request: the queue fills, and further lines are dropped
and counted.
"""

import logging
import os
import sys
import threading
import time
from logging.handlers import QueueHandler, QueueListener
from queue import Full, Queue

_CAPACITY = 10_000  # lines
_GATHERING = 0.02  # seconds; the lines that a SIGKILL may lose
_FLUSH_TIMEOUT = 1.0  # seconds, at the end of the process
_Lines = Queue[logging.LogRecord]


class StdoutHandler(QueueHandler):
    """Formats a line where it is logged, and queues it for the thread that writes it.

    `dropped` counts lines that found the queue full, and lines whose write failed.
    """

    def __init__(self, descriptor: int = 1) -> None:
        self._lines = _Lines(_CAPACITY)
        super().__init__(self._lines)
        self._rejected = 0
        self._writer = _Writer(self._lines, self, descriptor)
        self._writer.start()

    @property
    def dropped(self) -> int:
        return self._rejected + self._writer.failed

    def enqueue(self, record: logging.LogRecord) -> None:
        try:
            self._lines.put_nowait(record)
        except Full:
            self._rejected += 1

    def flush(self) -> None:
        deadline = time.monotonic() + _FLUSH_TIMEOUT
        self._writer.hurry.set()
        while self._lines.unfinished_tasks and time.monotonic() < deadline:
            time.sleep(0.005)
        self._writer.hurry.clear()


class _Writer(QueueListener):
    """Writes each line by one system call, so lines of several workers don't mix (up to PIPE_BUF).

    It writes without a `logging.Handler`: a write that blocks would hold that handler's lock, and
    `logging.shutdown` would wait for the lock.
    """

    def __init__(self, lines: _Lines, handler: StdoutHandler, descriptor: int) -> None:
        super().__init__(lines)
        self.failed = 0  # lines
        self.hurry = threading.Event()
        self._lines = lines
        self._handler = handler
        self._descriptor = descriptor
        self._reported = 0  # of the dropped lines
        self._writable = True
        self._torn = False  # the last write ended within a line

    def dequeue(self, block: bool) -> logging.LogRecord:
        # A thread that woke for each line would take the interpreter from the requests each time.
        if self._lines.empty():
            self.hurry.wait(_GATHERING)
        return super().dequeue(block)

    def handle(self, record: logging.LogRecord) -> None:
        if not self._write(record.getMessage()):
            self.failed += 1
        if self._lines.empty() and self._handler.dropped > self._reported:
            self._report()

    def _write(self, line: str) -> bool:
        start = "\n" if self._torn else ""
        text = f"{start}{line}\n".encode(errors="backslashreplace")
        try:
            while text:
                written = os.write(self._descriptor, text)
                self._torn = written < len(text)
                text = text[written:]
        except OSError as error:
            if self._writable:
                print(f"The log can't be written: {error.strerror}.", file=sys.stderr, flush=True)
            self._writable = False
            return False
        self._writable = True
        return True

    def _report(self) -> None:
        dropped = self._handler.dropped
        values = {"msg": "log lines were dropped", "lines": dropped - self._reported}
        record = logging.makeLogRecord({**values, "name": __name__, "levelname": "WARNING"})
        if self._write(self._handler.format(record)):
            self._reported = dropped
