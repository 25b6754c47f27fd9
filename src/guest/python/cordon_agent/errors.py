"""Faults: what ends an invocation without a response, as the host is told. And errors, without frames of the agent's."""

import sys

_AGENT = __file__.rpartition("/cordon_agent/")[0] + "/"
MAX_UNITS = 8 * 1024


class Fault(Exception):
    def __init__(self, code, message, stack=None):
        super().__init__(message)
        self.code = code
        self.message = message
        self.stack = stack


def bad_response(message):
    return Fault("BAD_RESPONSE", message)


def fault_of(error, code, folder):
    """Whatever was raised. `folder`: the function's own, whose files the stack names by their paths in it."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, SystemExit):
        return Fault(code, f"The function called sys.exit({_shown_code(error)})", stack_of(error, folder))
    if isinstance(error, SyntaxError) and _is_below(error.filename, folder):
        place = f"{error.filename[len(folder) + 1 :]}, line {error.lineno}"
        return Fault("COMPILE_FAILED", _cut(f"{type(error).__name__}: {error.msg} ({place})"), stack_of(error, folder))
    return Fault(code, message_of(error), stack_of(error, folder))


def message_of(error):
    """`ValueError: no such user`, without trust in the error's own methods."""
    name = type(error).__name__
    try:
        text = str(error)
    except BaseException:
        text = ""
    return _cut(f"{name}: {text}" if text else name)


def stack_of(error, folder):
    """As Python prints it; None where it can't be told (no memory is left)."""
    try:
        from traceback import TracebackException

        described = TracebackException(type(error), error, error.__traceback__)
        seen = set()
        _strip(described, folder, seen)
        # The line that was raised is the last one.
        text = "".join(described.format()).rstrip("\n")
        return text if len(text) <= MAX_UNITS else f"{text[: MAX_UNITS // 2]}\n  …\n{text[-MAX_UNITS // 2 :]}"
    except BaseException:
        return None


def _strip(described, folder, seen):
    if described is None or id(described) in seen:
        return
    seen.add(id(described))
    described.stack[:] = [_relative(entry, folder) for entry in described.stack if _is_below(entry.filename, folder)]
    if _is_below(getattr(described, "filename", None), folder):
        described.filename = described.filename[len(folder) + 1 :]
    _strip(described.__cause__, folder, seen)
    _strip(described.__context__, folder, seen)
    for member in getattr(described, "exceptions", None) or ():
        _strip(member, folder, seen)


def _relative(entry, folder):
    entry.line  # Read from the file now, while its name leads to it.
    entry.filename = entry.filename[len(folder) + 1 :]
    return entry


def _is_below(name, folder):
    return type(name) is str and name.startswith(folder + "/") and not name.startswith(_AGENT)


def _shown_code(error):
    return "" if error.code is None else repr(error.code)[:200] if type(error.code) in (int, str) else "…"


def _cut(text):
    return text if len(text) <= MAX_UNITS else text[:MAX_UNITS]


def say(text):
    """To whoever started the agent, while nobody else can hear."""
    try:
        sys.__stderr__.write(f"{text}\n")
        sys.__stderr__.flush()
    except (OSError, ValueError, AttributeError):
        pass
