"""Output: what a function and its child processes print, as lines of its log."""

import io
import sys
from _thread import allocate_lock
from codecs import getincrementaldecoder

from .current import current_call
from .log import MAX_LINE_UNITS

READ_BYTES = 64 * 1024
MAX_READS = 16
DRAIN_SECONDS = 1
LEVELS = {1: "info", 2: "error"}


class LineStream(io.TextIOBase):
    """In the place of sys.stdout and sys.stderr. What has no end of line yet waits for it until its invocation is over."""

    encoding = "utf-8"
    errors = "backslashreplace"
    newlines = None
    line_buffering = True
    write_through = True

    def __init__(self, fd, log):
        self.name = "<stdout>" if fd == 1 else "<stderr>"
        self.mode = "w"
        self.level = LEVELS[fd]
        self.log = log
        self.buffer = ByteStream(self, fd)
        self._fd = fd
        # The beginning of a line that no invocation's code wrote; those of an invocation are kept with it.
        self.partial_lines = {}

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        if self.log is None:
            return self._write_out(text)
        call = current_call()
        if self.log.is_full(call):
            return len(text)
        partials = (self if call is None else call).partial_lines
        at = 0
        while True:
            # Nothing is copied that will not be sent: a text may be as long as all memory.
            end = text.find("\n", at, at + MAX_LINE_UNITS)
            if end == -1 and len(text) - at < MAX_LINE_UNITS:
                break
            line = partials.pop(self._fd, "") + text[at : end if end != -1 else at + MAX_LINE_UNITS]
            self.log.write(self.level, line, call)
            at = end + 1 if end != -1 else at + MAX_LINE_UNITS
            if self.log.is_full(call):
                return len(text)
        if at < len(text):
            self._keep(partials, text[at:], call)
        return len(text)

    def _keep(self, partials, text, call):
        line = partials.pop(self._fd, "") + text
        if len(line) < MAX_LINE_UNITS:
            partials[self._fd] = line
        else:
            self.log.write(self.level, line, call)

    def _write_out(self, text):
        """In a child process, whose parent logs what it reads: whole lines, as its siblings write to the same pipe."""
        text = self.partial_lines.pop(self._fd, "") + text
        lines, end, rest = text.rpartition("\n")
        if rest:
            self.partial_lines[self._fd] = rest
        write_all(self._fd, lines + end)
        return len(text)

    def flush(self):
        if self.log is None:
            write_all(self._fd, self.partial_lines.pop(self._fd, ""))

    def become_child(self):
        self.log = None
        self.partial_lines.clear()

    def end_lines(self, call):
        """Its invocation is over, and no more of its last line comes."""
        line = call.partial_lines.pop(self._fd, "")
        if line:
            self.log.write(self.level, line, call)

    def writable(self):
        return True

    def fileno(self):
        return self._fd

    def isatty(self):
        return False

    def reconfigure(self, **options):
        """What it does is not for the function to choose."""

    def close(self):
        """It stays open: what is printed later is logged, too."""


class ByteStream(io.RawIOBase):
    """`sys.stdout.buffer`."""

    def __init__(self, text, fd):
        self._text = text
        self._fd = fd
        self.raw = self
        self._decoder = getincrementaldecoder("utf-8")("replace")

    def write(self, data):
        view = memoryview(data).cast("B")
        for at in range(0, len(view), READ_BYTES):
            self._text.write(self._decoder.decode(view[at : at + READ_BYTES]))
        return len(view)

    def writable(self):
        return True

    def fileno(self):
        return self._fd

    def close(self):
        """As the text's."""


class Pipe:
    """What else writes to the descriptor of an output: child processes, and code that is not Python."""

    def __init__(self, fd, stream):
        from os import close, dup2, pipe2, O_CLOEXEC

        self.read_end, write_end = pipe2(O_CLOEXEC)
        dup2(write_end, fd, inheritable=True)
        close(write_end)
        _set_nonblocking(self.read_end)
        self._stream = stream
        self._decoder = getincrementaldecoder("utf-8")("replace")
        # So that who waits for what was written has it when it returns.
        self._draining = allocate_lock()

    def drain(self):
        """Takes what there is, or some of it."""
        # A signal handler of the function's may have interrupted the thread that has it: there is no waiting for ever.
        if not self._draining.acquire(timeout=DRAIN_SECONDS):
            return
        try:
            self._read()
        finally:
            self._draining.release()

    def _read(self):
        from os import read

        # Not for ever, however fast it is written.
        for _ in range(MAX_READS):
            try:
                data = read(self.read_end, READ_BYTES)
            except OSError:
                return
            if not data:
                return
            self._stream.write(self._decoder.decode(data))


def install_output(log):
    """Returns the streams and the pipes."""
    streams = LineStream(1, log), LineStream(2, log)
    sys.stdout, sys.stderr = sys.__stdout__, sys.__stderr__ = streams
    return streams, (Pipe(1, streams[0]), Pipe(2, streams[1]))


def write_all(fd, text):
    from os import write

    data = text.encode("utf-8", "backslashreplace")
    at = 0
    while at < len(data):
        at += write(fd, data[at : at + READ_BYTES])


def _set_nonblocking(fd):
    from os import set_blocking

    set_blocking(fd, False)
