"""Confinement: the seccomp filter that the agent puts on before it meets a hostile byte, for every thread of it."""

from .errors import say

FILTER_BYTES = 8
MAX_INSTRUCTIONS = 4096
SET_MODE_FILTER = 1
FLAG_TSYNC = 1
# seccomp(2) has a number of its own on each kind of machine.
SECCOMP_CALL = {"x86_64": 317, "aarch64": 277}
# Stands in a filter for the pid of the process that loads it.
OWN_PID = (0x5E1F_71D5).to_bytes(4, "little")


def confine(path):
    """`path`: a file of `struct sock_filter`s. Ends the process where the filter does not stand afterwards."""
    try:
        _load(_program(path))
    except Exception as error:
        say(f"The agent can't put on its seccomp filter: {error}")
        raise SystemExit(1)


def _program(path):
    with open(path, "rb") as file:
        program = file.read(MAX_INSTRUCTIONS * FILTER_BYTES + 1)
    if len(program) == 0 or len(program) % FILTER_BYTES != 0 or len(program) > MAX_INSTRUCTIONS * FILTER_BYTES:
        raise ValueError(f"{path} has {len(program)} bytes, not 1 to {MAX_INSTRUCTIONS} times {FILTER_BYTES}")
    from os import getpid

    pid = getpid().to_bytes(4, "little")
    instructions = (program[at : at + FILTER_BYTES] for at in range(0, len(program), FILTER_BYTES))
    return b"".join(each[:4] + pid if each[4:] == OWN_PID else each for each in instructions)


def _load(program):
    import ctypes
    from os import strerror, uname

    class Program(ctypes.Structure):
        _fields_ = [("count", ctypes.c_ushort), ("filter", ctypes.c_char_p)]

    machine = uname().machine
    if machine not in SECCOMP_CALL:
        raise ValueError(f"no seccomp call is known for the machine {machine}")
    libc = ctypes.CDLL(None, use_errno=True)
    order = Program(len(program) // FILTER_BYTES, program)
    number, mode, flags = map(ctypes.c_long, (SECCOMP_CALL[machine], SET_MODE_FILTER, FLAG_TSYNC))
    answer = libc.syscall(number, mode, flags, ctypes.byref(order))
    if answer != 0:
        # A positive answer is the id of a thread that can't be confined.
        raise OSError(strerror(ctypes.get_errno()) if answer < 0 else f"the thread {answer} has another filter")
