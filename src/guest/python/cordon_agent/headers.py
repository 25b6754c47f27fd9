"""Headers of a response, checked as the web's are: what a function makes of them never breaks what is sent."""

from .errors import bad_response
from .frames import MAX_HEAD_UNITS
from .jsons import dumps, dumps_ascii

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_SPACE = "\t\n\r "
_SHOWN_UNITS = 40


def headers_json(pairs):
    """The flat list that the host takes. Raises a Fault."""
    text = dumps_ascii([part for name, value in pairs for part in checked(name, value)])
    if len(text) > MAX_HEAD_UNITS:
        raise bad_response(f"The headers of the response are longer than {MAX_HEAD_UNITS} characters")
    return text


def checked(name, value):
    """Both as str. Raises a Fault for what can't be sent."""
    if type(name) is not str or not name or not _TOKEN.issuperset(name):
        raise bad_response(f"The handler returned a header that cannot be sent: {shown(name)} is not a name of one")
    text = text_of(name, value).strip(_SPACE)
    if not text.isascii() and any(character > "\xff" for character in text):
        raise bad_response(f"The handler returned a header that cannot be sent: {name} has a character beyond Latin-1")
    if "\0" in text or "\r" in text or "\n" in text:
        raise bad_response(f"The handler returned a header that cannot be sent: {name} has a line break or a zero byte")
    return name, text


def text_of(name, value):
    """As JavaScript writes it."""
    if isinstance(value, str):
        return value
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return str(value)
    if isinstance(value, bytes):
        return value.decode("latin-1")
    raise bad_response(f"The handler returned {kind_of(value)} as the value of the header {shown(name)}")


def kind_of(value):
    """As a sentence has it."""
    return "None" if value is None else f"an object of the type {type(value).__name__}"


def shown(value):
    """Short, and without a call into the value."""
    if type(value) is str:
        return dumps(value if len(value) <= _SHOWN_UNITS else value[:_SHOWN_UNITS] + "…")
    if type(value) in (int, float, bool):
        return repr(value)[:_SHOWN_UNITS]
    return kind_of(value)


def has(pairs, wanted):
    return any(name.lower() == wanted for name, _ in pairs)
