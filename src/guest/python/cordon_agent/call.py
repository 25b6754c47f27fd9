"""Call: one invocation, from its CALL frame until nothing of it is left running."""

from time import monotonic

from . import current
from .asks import Asks, over
from .body import BodyReader, BodyWriter
from .frames import CREDIT, DATA, END, FAULT, HEAD, REPLY, SETTLED, meta_end
from .jsons import dumps_ascii, loads
from .lasting import begun
from .waiting import Bell


class Call:
    def __init__(self, connection, id, meta, body, on_over):
        """`meta`: a CALL's, parsed. `body`: what stands in the frame. `on_over(id)`: nothing more is said of it."""
        self.id = id
        self._connection = connection
        self._on_over = on_over
        self.sandbox, body_kind, self.timeout_ms, self.method, self.url, self.headers, self.reply = meta[:7]
        self.client_address, self.invocation_id, self.query, self.principal = meta[7:11]
        self._deadline = monotonic() + self.timeout_ms / 1000
        # A streamed body of the request; whole ones are `_body`.
        self._source = BodyReader(self._send_credit) if body_kind == 2 else None
        self._body = body
        # A streamed body of the response, once there is one.
        self.writer = None
        self._asks = None
        self.is_answered = False
        self.is_cancelled = False
        self.is_over = False
        # Called when the host cancels it, from any thread.
        self.on_cancel = None
        # Where it runs in one.
        self.loop = None
        # What the invocation lasts for besides its handler: a list of what is still to be waited for.
        self.pending = []
        self.log_units = 0
        self.partial_lines = {}
        # Of the sandbox that it runs in.
        self.log = None
        self.context = None
        self._bell = Bell()

    def remaining_ms(self):
        return max(0.0, (self._deadline - monotonic()) * 1000)

    def next_chunk(self):
        """Steps: the next bytes of the request's body, b'' at its end."""
        if self._source is not None:
            return (yield from self._source.next_chunk())
        body, self._body = self._body, b""
        return body

    def read_all(self):
        """Steps."""
        if self._source is not None:
            return (yield from self._source.read_all())
        return (yield from self.next_chunk())

    @property
    def is_streamed(self):
        """The request's body comes in pieces."""
        return self._source is not None

    def gone(self):
        """Steps: until nobody waits for the response any more, or it is complete."""
        while not self._is_gone():
            yield self._bell.ticket(self._is_gone)

    def _is_gone(self):
        return self.is_answered or self.is_cancelled or self.is_over

    def lasts_for(self, what):
        """After its response, until that is done. Raises a RuntimeError where it is over."""
        if self.is_over:
            raise RuntimeError("wait_until() was called after its invocation had ended")
        self.pending.append(begun(what, self.loop))

    def ask(self, kind, meta, body=None, **options):
        if self.is_over or self.is_cancelled:
            raise over()
        if self._asks is None:
            self._asks = Asks(self._connection, self.id)
        return self._asks.begin(kind, meta, body, **options)

    def send_reply(self, status, headers, body, is_settled):
        """`headers`: the JSON of a list."""
        if self.is_over:
            return
        self.is_answered = True
        if is_settled:
            self._end()
        self._connection.send_meta(REPLY, self.id, f"[{status},{headers},{1 if is_settled else 0}]", body)
        self._bell.ring()

    def send_head(self, status, headers):
        """What follows is written by `writer`."""
        self.writer = BodyWriter(self._send_data, self._send_end)
        self._connection.send_meta(HEAD, self.id, f"[{status},{headers},0]")

    def send_fault(self, fault):
        """Ends it, unless the host has its outcome or waits for none."""
        if self.is_over or self.is_answered:
            return
        if self.is_cancelled:
            return self.settle()
        self._end()
        self._connection.send_meta(FAULT, self.id, dumps_ascii([fault.code, fault.message, fault.stack]))

    def settle(self):
        """Nothing of it is left running."""
        if self.is_over:
            return
        self._end()
        self._connection.send_frame(SETTLED, self.id)

    def receive(self, kind, payload):
        """Takes one frame of it, but CANCEL."""
        if kind == DATA:
            if self._source is not None:
                self._source.push(payload)
        elif kind == END:
            if self._source is not None:
                self._source.end()
        elif kind == CREDIT:
            if self.writer is not None:
                self.writer.credit(int.from_bytes(payload, "little"))
        elif self._asks is not None:
            self._asks.receive(kind, payload)

    def cancel(self):
        """Nobody waits for it any more: what it waits for ends, and it is told."""
        if self.is_cancelled or self.is_over:
            return
        self.is_cancelled = True
        self._drop(over())
        self._bell.ring()
        if self.on_cancel is not None:
            self.on_cancel()

    def _end(self):
        self.is_over = True
        current.end(self)
        self._on_over(self.id)
        self._drop(over())
        self._bell.ring()

    def _drop(self, error):
        if self._source is not None:
            self._source.drop(error)
        if self.writer is not None:
            self.writer.stop(error)
        if self._asks is not None:
            self._asks.end()

    def _send_credit(self, count):
        if not self.is_over:
            self._connection.send_number(CREDIT, self.id, count)

    def _send_data(self, piece):
        if not self.is_over:
            self._connection.send_frame(DATA, self.id, bytes(piece))

    def _send_end(self):
        if not self.is_over:
            self.is_answered = True
            self._connection.send_frame(END, self.id)
            self._bell.ring()


def call_of(connection, id, payload, on_over):
    """`payload`: a CALL's."""
    end = meta_end(payload)
    return Call(connection, id, loads(payload[4:end].decode()), payload[end:], on_over)
