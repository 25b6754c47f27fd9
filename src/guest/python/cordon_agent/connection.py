"""Connection: frames over one socket.

The thread that runs the function reads them itself while it has nothing else to do, so a request costs no hop between
threads. While it runs the function's code it is *attended*: another thread is woken by the kernel (an epoll that is
armed for that time alone) when frames come, and reads them in its place.
"""

from _thread import allocate_lock
from _collections import deque
from select import EPOLLIN, EPOLLONESHOT

from .frames import HEADER, HEADER_BYTES, NUMBER, NUMBERS, frame, meta_frame

READ_BYTES = 64 * 1024
DONT_WAIT = 0x40


class Connection:
    def __init__(self, channel, epoll, on_frame, on_close):
        """`channel`: a `_socket.socket`. Whatever is done in `on_frame` may not take long, nor run the function's code."""
        self._channel = channel
        self._epoll = epoll
        self._on_frame = on_frame
        self._on_close = on_close
        self._reading = allocate_lock()
        self._writing = allocate_lock()
        self._outgoing = deque()
        # Of the first of them.
        self._unsent = None
        # The frame, or the header of one, that has not come whole.
        self._partial = []
        self._partial_bytes = 0
        self._needed_bytes = 0
        self._attended = False
        self.closed = False
        epoll.register(channel.fileno(), 0)

    def fileno(self):
        return self._channel.fileno()

    def send(self, data):
        """
        One or more whole frames, as bytes. Where another thread is sending (or this one, beneath a signal handler of the
        function's), that one sends these, too: what waits is bounded by credit and by what may be logged.
        """
        self._outgoing.append(data)
        self.flush()

    def flush(self):
        """What a signal handler that raised kept from being sent is sent."""
        while self._outgoing and not self.closed and self._writing.acquire(False):
            try:
                self._write()
            except OSError as error:
                self._lost_by(error)
            finally:
                self._writing.release()

    def _write(self):
        while self._outgoing:
            if self._unsent is None:
                self._unsent = memoryview(self._outgoing[0])
            self._unsent = self._unsent[self._channel.send(self._unsent) :]
            if len(self._unsent) == 0:
                self._unsent = None
                self._outgoing.popleft()

    def send_frame(self, kind, stream, payload=b""):
        self.send(frame(kind, stream, payload))

    def send_number(self, kind, stream, number):
        self.send(frame(kind, stream, NUMBER.pack(number)))

    def send_numbers(self, kind, stream, first, second):
        self.send(frame(kind, stream, NUMBERS.pack(first, second)))

    def send_part(self, kind, stream, number, body):
        self.send(frame(kind, stream, NUMBER.pack(number) + body))

    def send_meta(self, kind, stream, meta, body=b""):
        self.send(meta_frame(kind, stream, meta, body))

    def read(self, has_work):
        """Waits for bytes, and delivers the frames that they complete; unless another thread has just delivered some."""
        with self._reading:
            if not has_work():
                self._receive(0)

    def attend(self):
        """From now on another thread reads."""
        self._attended = True
        self._arm(EPOLLIN | EPOLLONESHOT)

    def unattend(self):
        self._attended = False
        self._arm(0)

    def on_readable(self):
        """For the thread that attends."""
        if self._attended and self._reading.acquire(False):
            try:
                self._receive(DONT_WAIT)
            except BlockingIOError:
                pass
            finally:
                self._reading.release()
        if self._attended:
            self._arm(EPOLLIN | EPOLLONESHOT)

    def forget(self):
        """In a child process: the channel is its parent's alone."""
        self.closed = True
        try:
            self._channel.close()
        except OSError:
            pass

    def _arm(self, events):
        try:
            self._epoll.modify(self._channel.fileno(), events)
        except (OSError, ValueError):
            self._lost()

    def _receive(self, flags):
        try:
            chunk = self._channel.recv(READ_BYTES, flags)
        except BlockingIOError:
            raise
        except OSError as error:
            return self._lost_by(error)
        if chunk:
            self._take(chunk)
        else:
            self._lost()

    def _lost_by(self, error):
        """One without a number was raised by a signal handler of the function's (a TimeoutError, say), not by the socket."""
        if error.errno is None:
            raise error
        self._lost()

    def _lost(self):
        if self.closed:
            return
        self.closed = True
        self._on_close()

    def _take(self, chunk):
        if self._partial:
            self._partial.append(chunk)
            self._partial_bytes += len(chunk)
            if self._partial_bytes < self._needed_bytes:
                return
            chunk = b"".join(self._partial)
            self._partial = []
        at = 0
        end = len(chunk)
        needed = HEADER_BYTES
        while end - at >= HEADER_BYTES:
            length, kind, stream = HEADER.unpack_from(chunk, at)
            needed = 4 + length
            if at + needed > end:
                break
            self._on_frame(kind, stream, chunk[at + HEADER_BYTES : at + needed])
            at += needed
            needed = HEADER_BYTES
        if at < end:
            self._partial = [chunk[at:]]
            self._partial_bytes = end - at
            self._needed_bytes = needed
