import select
import signal
import socket
import subprocess
import time

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class SignalQueue:
    """Signals as values that are read one by one.

    A handler that raised an exception could raise it at any line, also while the server is being
    stopped: the second of two signals then left a server without a parent.
    """

    def __init__(self) -> None:
        self._reader, writer = socket.socketpair()
        self._reader.setblocking(False)
        writer.setblocking(False)
        self._writer = writer  # kept open: the interpreter writes each signal's number to it
        signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        for number in (*STOP_SIGNALS, signal.SIGCHLD):
            signal.signal(number, lambda _number, _frame: None)

    def wait(self, process: subprocess.Popen[bytes], seconds: float | None = None) -> int | None:
        """The next stop signal; None if the process ended, or `seconds` are over."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while process.poll() is None:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._reader], [], [], left)[0]:
                return None
            for number in self._reader.recv(1):
                if number in STOP_SIGNALS:
                    return number
        return None
