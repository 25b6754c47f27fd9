"""Asks: what one invocation asks of the host. Each has a number, perhaps a body, and an answer; both stream under credit."""

from _thread import allocate_lock

from .body import BodyReader, BodyWriter
from .frames import (
    ANSWER_CREDIT,
    ANSWER_DATA,
    ANSWER_END,
    ANSWER_FAIL,
    ANSWER_HEAD,
    ASK,
    ASK_CANCEL,
    ASK_CREDIT,
    ASK_DATA,
    ASK_END,
    CHUNK_BYTES,
    MAX_HEAD_UNITS,
    NUMBER,
    meta_end,
)
from .jsons import dumps_ascii, loads
from .waiting import Bell

NO_BODY, WHOLE_BODY, STREAMED_BODY = 0, 1, 2


class CapabilityError(Exception):
    """What the host refused. `code` says which kind of refusal it is, `details` more of it."""

    def __init__(self, code, message, details=None):
        super().__init__(message)
        self.code = code
        self.details = details or {}


class FetchError(CapabilityError):
    """Why a fetch() has no response."""


def over():
    return CapabilityError("CANCELLED", "its invocation is over")


class Asks:
    def __init__(self, connection, call):
        """`call`: its id on the connection."""
        self._connection = connection
        self._call = call
        self._open = {}
        self._last = 0
        # Numbers reach the host in their order, whichever thread asks.
        self._beginning = allocate_lock()
        self._ended = False

    def begin(self, kind, meta, body=None, error=CapabilityError):
        """
        `body`: None, bytes, or STREAMED_BODY for what is written to the ask later. Raises a CapabilityError where the
        invocation is over, a TypeError or ValueError for a meta that can't be sent.
        """
        text = dumps_ascii(meta)
        if len(text) > MAX_HEAD_UNITS:
            raise ValueError(f"what is sent besides a body may have {MAX_HEAD_UNITS} characters, not {len(text)}")
        is_streamed = body is STREAMED_BODY or (body is not None and len(body) > CHUNK_BYTES)
        body_kind = STREAMED_BODY if is_streamed else NO_BODY if body is None else WHOLE_BODY
        if self._connection.closed:
            raise CapabilityError("UNAVAILABLE", "this is a child process, and the host is its parent's")
        with self._beginning:
            if self._ended:
                raise over()
            self._last += 1
            ask = Ask(self._connection, self._call, self._last, error, self._forget)
            self._open[self._last] = ask
            head = f"[{self._last},{dumps_ascii(kind)},{body_kind},{text}]"
            self._connection.send_meta(ASK, self._call, head, body if body_kind == WHOLE_BODY else b"")
        return ask

    def receive(self, kind, payload):
        """Takes one ANSWER_… frame."""
        if kind in (ANSWER_HEAD, ANSWER_FAIL):
            number, *rest = loads(payload[4 : meta_end(payload)].decode())
        else:
            number, rest = NUMBER.unpack_from(payload)[0], payload[4:]
        ask = self._open.get(number)
        if ask is not None:
            ask.receive(kind, rest)

    def end(self):
        """The invocation is over, and so is for the host what it asked for."""
        with self._beginning:
            self._ended = True
        for ask in list(self._open.values()):
            ask.fail(over())

    def _forget(self, number):
        self._open.pop(number, None)


class Ask:
    def __init__(self, connection, call, number, error, forget):
        self._connection = connection
        self._call = call
        self._number = number
        self._error = error
        self._forget = forget
        self._head = None
        self._failure = None
        self._is_over = False
        self._bell = Bell()
        self.answer = BodyReader(self._send_credit)
        self.body = BodyWriter(self._send_data, self._send_end)

    def send_rest(self, body):
        """Steps: a body that was given to `begin()`, and was too long to go with it."""
        if body is None or len(body) <= CHUNK_BYTES:
            return
        try:
            yield from self.body.write(body)
        except CapabilityError:
            return  # Whoever reads the answer is told the same.
        self.body.end()

    def head(self):
        """Steps: the meta of the answer, or what it failed with is raised."""
        while self._head is None:
            if self._failure is not None:
                raise self._failure
            yield self._bell.ticket(lambda: self._head is not None or self._failure is not None)
        return self._head[0]

    def receive(self, kind, rest):
        if kind == ANSWER_HEAD:
            self._head = (rest[0],)
            self._bell.ring()
        elif kind == ANSWER_DATA:
            self.answer.push(rest)
        elif kind == ANSWER_END:
            self._finish()
            self.body.stop(over())
            self.answer.end()
        elif kind == ANSWER_FAIL:
            code, message, details = rest
            self.fail(self._error(code, message, details))
        elif kind == ANSWER_CREDIT:
            self.body.credit(NUMBER.unpack(rest)[0])

    def fail(self, error):
        self._finish()
        self._failure = self._failure or error
        self.body.stop(error)
        self.answer.fail(error)
        self._bell.ring()

    def cancel(self):
        """Nobody wants the rest."""
        if self._is_over:
            return
        self._connection.send_number(ASK_CANCEL, self._call, self._number)
        self.fail(over())

    def _finish(self):
        self._is_over = True
        self._forget(self._number)

    def _send_credit(self, count):
        if not self._is_over:
            self._connection.send_numbers(ASK_CREDIT, self._call, self._number, count)

    def _send_data(self, piece):
        if not self._is_over:
            self._connection.send_part(ASK_DATA, self._call, self._number, piece)

    def _send_end(self):
        if not self._is_over:
            self._connection.send_number(ASK_END, self._call, self._number)
