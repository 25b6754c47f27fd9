"""Which invocation the code that runs now belongs to. Python keeps it over `await`; a thread starts with none."""

from _contextvars import ContextVar

_current = ContextVar("cordon.invocation", default=None)
# Those under way, by their ids on the connection.
_running = {}

adopt = _current.set


def begin(call):
    _running[call.id] = call


def end(call):
    _running.pop(call.id, None)


def current_call():
    """
    The call whose code this is, even if it is over. In a thread (and for the output of a child process) that is the one
    under way, where there is one alone; else None.
    """
    call = _current.get()
    return call if call is not None else only_call()


def only_call():
    if len(_running) != 1:
        return None
    try:
        return next(iter(_running.values()))
    except (StopIteration, RuntimeError):
        return None


def latest_call():
    """The one under way that began last."""
    try:
        return next(reversed(_running.values()))
    except (StopIteration, RuntimeError):
        return None
