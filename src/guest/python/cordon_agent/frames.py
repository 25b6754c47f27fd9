"""Frames: the bytes that cross between the host and this process. src/wire/frames.ts says what each of them means."""

from _struct import Struct

WINDOW_BYTES = 256 * 1024
CHUNK_BYTES = 64 * 1024
# The longest head of a response, or of what is asked for, that a function may make; as JSON.
MAX_HEAD_UNITS = 96 * 1024

OPEN, CLOSE, CALL, CANCEL, PING = 1, 2, 3, 4, 5
DATA, END, CREDIT = 8, 9, 10
READY, REPLY, HEAD, FAULT, SETTLED, NOT_BEGUN, LOG, SANDBOX_LOG, GONE, PONG, BROKEN = range(16, 27)
ASK, ASK_DATA, ASK_END, ASK_CANCEL, ASK_CREDIT = range(32, 37)
ANSWER_HEAD, ANSWER_DATA, ANSWER_END, ANSWER_FAIL, ANSWER_CREDIT = range(40, 45)

HEADER_BYTES = 9
HEADER = Struct("<IBI")
NUMBER = Struct("<I")
NUMBERS = Struct("<II")


def frame(kind, stream, payload=b""):
    return HEADER.pack(HEADER_BYTES - 4 + len(payload), kind, stream) + payload


def meta_frame(kind, stream, meta, body=b""):
    """`meta` is JSON."""
    text = meta.encode("utf-8", "replace")
    length = HEADER_BYTES + len(text) + len(body)
    return b"".join((HEADER.pack(length, kind, stream), NUMBER.pack(len(text)), text, body))


def meta_end(payload):
    return 4 + NUMBER.unpack_from(payload)[0]
