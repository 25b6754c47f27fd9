"""Web request: what WSGI and ASGI alike read off a call's URL."""

from .event import split_url, unquote_bytes

DEFAULT_PORTS = {"http": 80, "https": 443}


class WebRequest:
    def __init__(self, call, function_name):
        self.scheme, self.host, self.port = authority_of(call.url)
        path, self.query = split_url(call.url)
        # Where the function is mounted, so that its routes begin at `/` wherever that is.
        self.mount = mount_of(path, function_name)
        self.raw_path = path[len(self.mount) :]
        self.path_bytes = unquote_bytes(self.raw_path)


def mount_of(path, function_name):
    """`/fn/name` of `/fn/name/users`, `/name` of `/name/users`; '' where it is neither."""
    parts = path.split("/", 3)
    if len(parts) > 2 and parts[1] == "fn" and parts[2].partition("@")[0] == function_name:
        return f"/fn/{parts[2]}"
    return f"/{parts[1]}" if len(parts) > 1 and parts[1].partition("@")[0] == function_name else ""


def authority_of(url):
    scheme, mark, rest = url.partition("://")
    if not mark:
        return "http", "localhost", DEFAULT_PORTS["http"]
    host = rest.partition("/")[0].partition("?")[0]
    name, colon, port = host.rpartition(":")
    if not colon or not port.isdigit():
        return scheme, host, DEFAULT_PORTS.get(scheme, 80)
    return scheme, name, int(port)
