"""Event: the first argument of `handler(event, context)`, made of one call; as src/guest/handler/event.ts makes it."""

from .jsons import NOT_JSON, loads
from .response import text_of_bytes

# The transport's own.
HIDDEN = frozenset(("host", "content-length"))


def event_of(call, body):
    path, query = split_url(call.url)
    value, is_base64 = data_of(body)
    return {
        "httpMethod": call.method,
        "path": path,
        "rawPath": path,
        "headers": plain_headers(call.headers),
        "queryStringParameters": query_of(query) if call.query is None else call.query,
        "body": value,
        "isBase64Encoded": is_base64,
    }


def data_of(body):
    """JSON is parsed, whatever its Content-Type says. Nothing is None; what is no text is base64."""
    if not body:
        return None, False
    text, is_base64 = text_of_bytes(body)
    if is_base64:
        return text, True
    try:
        return loads(text), False
    except NOT_JSON:
        return text, False


def plain_headers(flat):
    headers = {}
    for at in range(0, len(flat), 2):
        name, value = flat[at].lower(), flat[at + 1]
        if name not in HIDDEN:
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def split_url(url):
    """`/a/b` and `c` of `https://host/a/b?c#d`, which may be relative."""
    url = url.partition("#")[0]
    start, _, query = url.partition("?")
    scheme, mark, rest = start.partition("://")
    if not mark:
        return start, query
    slash = rest.find("/")
    return ("/" if slash == -1 else rest[slash:]), query


def query_of(text):
    """Of a name that occurs more than once, the last value."""
    query = {}
    for pair in text.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            query[unescape(name)] = unescape(value)
    return query


def unescape(text):
    """Of a query: `+` is a blank."""
    return unquote(text.replace("+", " "))


def unquote(text):
    """%XX is a byte of UTF-8; what is not quoted right stays as it is."""
    return text if "%" not in text else unquote_bytes(text).decode("utf-8", "replace")


def unquote_bytes(text):
    first, *parts = text.encode("utf-8", "replace").split(b"%")
    out = [first]
    for part in parts:
        try:
            # int() would also take blanks, signs and underscores.
            if not part[:2].isalnum() or len(part) < 2:
                raise ValueError
            out.append(bytes((int(part[:2], 16),)) + part[2:])
        except ValueError:
            out.append(b"%" + part)
    return b"".join(out)
