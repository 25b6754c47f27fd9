"""Bodies under credit, each way: whoever sends may be a window ahead of whoever takes, never more."""

from _collections import deque

from .frames import CHUNK_BYTES, WINDOW_BYTES
from .waiting import Bell

CREDIT_LOT_BYTES = WINDOW_BYTES // 4


class BodyReader:
    """A body that the host sends. It holds no more than a window, which is as far as the host may be ahead."""

    def __init__(self, send_credit):
        """`send_credit(bytes)`: so many were taken, and as many more may come."""
        self._send_credit = send_credit
        self._chunks = deque()
        self._unacknowledged = 0
        self._ended = False
        self._error = None
        self._bell = Bell()

    def push(self, chunk):
        if self._ended or self._error is not None:
            return
        self._chunks.append(chunk)
        self._bell.ring()

    def end(self):
        self._ended = True
        self._bell.ring()

    def fail(self, error):
        """What came before stays readable, unless it is dropped."""
        if self._ended or self._error is not None:
            return
        self._error = error
        self._bell.ring()

    def drop(self, error):
        self.fail(error)
        self._chunks.clear()

    def next_chunk(self):
        """Steps; b'' at the end."""
        while True:
            if self._chunks:
                chunk = self._chunks.popleft()
                self._took(len(chunk))
                return chunk
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            yield self._bell.ticket(self._has_news)

    def read_all(self):
        """Steps."""
        chunks = []
        while True:
            chunk = yield from self.next_chunk()
            if not chunk:
                return b"".join(chunks)
            chunks.append(chunk)

    def _has_news(self):
        return bool(self._chunks) or self._ended or self._error is not None

    def _took(self, count):
        self._unacknowledged += count
        if self._unacknowledged < CREDIT_LOT_BYTES or self._ended:
            return
        count, self._unacknowledged = self._unacknowledged, 0
        self._send_credit(count)


class BodyWriter:
    """A body that is sent to the host, by one thread at a time."""

    def __init__(self, send_data, send_end):
        self._send_data = send_data
        self._send_end = send_end
        # Two counts, since two threads count: what was sent, and what may be.
        self._sent = 0
        self._granted = WINDOW_BYTES
        self._error = None
        self._ended = False
        self._bell = Bell()

    def credit(self, count):
        self._granted += count
        self._bell.ring()

    def stop(self, error):
        """Nobody takes the rest: who waits to send it hears the error."""
        if self._error is None:
            self._error = error
        self._bell.ring()

    def write(self, data):
        """Steps."""
        view = memoryview(data).cast("B")
        at = 0
        while at < len(view):
            if self._error is not None:
                raise self._error
            room = self._granted - self._sent
            # Crumbs would cost more than they move.
            if room < min(CREDIT_LOT_BYTES, len(view) - at):
                yield self._bell.ticket(lambda: self._has_room(len(view) - at))
                continue
            piece = view[at : at + min(room, CHUNK_BYTES)]
            self._sent += len(piece)
            self._send_data(piece)
            at += len(piece)

    def end(self):
        if self._ended or self._error is not None:
            return
        self._ended = True
        self._send_end()

    def _has_room(self, wanted):
        return self._error is not None or self._granted - self._sent >= min(CREDIT_LOT_BYTES, wanted)
