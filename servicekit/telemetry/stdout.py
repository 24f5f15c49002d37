import logging
import os
import sys
import threading
import time
from queue import SimpleQueue
from select import PIPE_BUF

_MOST_WAITING = 10_000  # lines
_FLUSH_TIMEOUT = 1.0  # seconds, at the end of the process


class StdoutHandler(logging.Handler):
    """Lets a thread write the lines, so that nobody else waits for whoever reads them.

    What a full queue or a failing write costs is counted, and said once it is over.
    """

    def __init__(self, descriptor: int = 1) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._lines: SimpleQueue[str] = SimpleQueue()
        self._accepted = 0
        self._done = 0
        self._refused = 0  # by a full queue
        self._failed = 0  # to be written
        self._told = 0  # of both
        self._complained = False
        self._torn = False  # the last write ended within a line
        threading.Thread(target=self._write_all, name="log", daemon=True).start()

    @property
    def dropped(self) -> int:
        return self._refused + self._failed

    def emit(self, record: logging.LogRecord) -> None:
        if self._lines.qsize() >= _MOST_WAITING:
            self._refused += 1
            return
        try:
            line = self.format(record)
        except Exception:  # whatever is wrong with a line, whoever logs it goes on
            return self.handleError(record)
        self._lines.put(line + "\n")
        self._accepted += 1

    def flush(self) -> None:
        deadline = time.monotonic() + _FLUSH_TIMEOUT
        while self._done < self._accepted and time.monotonic() < deadline:
            time.sleep(0.005)

    def _write_all(self) -> None:
        line = self._lines.get()
        while True:
            batch, count, size = [], 0, 0
            while line and (not batch or size + len(line) <= PIPE_BUF):
                # A write of at most so much is never mixed with another process's.
                text = line.encode()
                batch.append(text)
                size += len(text)
                count += 1
                line = "" if self._lines.empty() else self._lines.get()
            self._write(b"".join(batch), count)
            self._done += count
            if not line and self.dropped > self._told and self._lines.empty():
                self._tell()
            line = line or self._lines.get()

    def _write(self, text: bytes, count: int) -> bool:
        if self._torn:
            text = b"\n" + text
        try:
            while text:
                written = os.write(self._descriptor, text)
                self._torn = written < len(text)
                text = text[written:]
        except OSError as error:
            self._failed += count
            if not self._complained:
                self._complained = True
                print(f"The log can't be written: {error.strerror}.", file=sys.stderr, flush=True)
            return False
        self._complained = False
        return True

    def _tell(self) -> None:
        dropped = self.dropped
        values = {"msg": "log lines were dropped", "lines": dropped - self._told}
        record = logging.makeLogRecord({**values, "name": __name__, "levelname": "WARNING"})
        if self._write((self.format(record) + "\n").encode(), 0):
            self._told = dropped
