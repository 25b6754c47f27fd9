"""Conventions: by which a Python module offers a handler, as one object that answers calls."""

from .asgi import AsgiHandler
from .errors import Fault
from .event_handler import EventHandler
from .wsgi import WsgiHandler

DEFAULT_NAME = "handler"
# What frameworks call theirs, looked for where there is no `handler`.
APPLICATION_NAMES = ("app", "application")
COROUTINE = 0x80


def handler_in(module, name, function_name):
    """Raises a Fault where there is none."""
    found = getattr(module, name, None)
    names = (name,)
    if found is None and name == DEFAULT_NAME:
        names = (name, *APPLICATION_NAMES)
        for application_name in APPLICATION_NAMES:
            application = getattr(module, application_name, None)
            if callable(application):
                return application_handler(application, function_name) or WsgiHandler(application, function_name)
    if callable(found):
        return application_handler(found, function_name) or EventHandler(found, is_coroutine_function(found))
    wanted = " or ".join(names)
    raise Fault(
        "HANDLER_MISSING",
        f"{module.__name__} has no {wanted} that can be called: define {name}(event, context), "
        "or name an application (WSGI or ASGI 3) app",
    )


def application_handler(found, function_name):
    """None where its parameters are not those of an application."""
    names = parameters_of(found)
    if names[:3] == ("scope", "receive", "send") or (len(names) == 3 and is_coroutine_function(found)):
        return AsgiHandler(found, function_name)
    return WsgiHandler(found, function_name) if names[1:2] == ("start_response",) else None


def is_coroutine_function(found):
    code = code_of(found)
    return code is not None and bool(code.co_flags & COROUTINE)


def parameters_of(found):
    """The names of those that are positional, without `self`."""
    code = code_of(found)
    if code is None:
        return ()
    names = code.co_varnames[: code.co_argcount]
    return names if hasattr(found, "__code__") else names[1:]


def code_of(found):
    """Of a function, a method, an object that can be called, and of what wraps one of them."""
    if hasattr(found, "func") and hasattr(found, "keywords"):  # functools.partial
        found = found.func
    for function in (found, getattr(found, "__func__", None), getattr(type(found), "__call__", None)):
        code = getattr(function, "__code__", None)
        if code is not None:
            return code
    return None
