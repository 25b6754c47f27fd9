"""Returned: what `handler(event, context)` gave back, as a response; by the rules of src/guest/handler/outgoing.ts."""

from .errors import bad_response
from .headers import has, kind_of, shown
from .response import Envelope, json_bytes, text_of_bytes, utf8

JSON_TYPE = "application/json"
BINARY_TYPE = "application/octet-stream"
TEXT_TYPE = "text/plain;charset=UTF-8"


def answer(response, value):
    """Steps. Raises a Fault for what can't be a response."""
    if not (isinstance(value, dict) and "statusCode" in value):
        if isinstance(response, Envelope):
            return (yield from response.value(200, {}, value))
        return (yield from response.whole(200, [("content-type", JSON_TYPE)], json_bytes(value)))
    status = status_of(value)
    if isinstance(response, Envelope):
        return (yield from _answer_value(response, status, value))
    body, kind = content_of(value.get("body"), value.get("isBase64Encoded") is True)
    pairs = pairs_of(value)
    if kind is not None and not has(pairs, "content-type"):
        pairs.append(("content-type", kind))
    if not is_stream(body):
        return (yield from response.whole(status, pairs, body))
    response.start(status, pairs)
    for chunk in body:
        yield from response.write(bytes_of(chunk))
    yield from response.finish()


async def answer_async(response, value, awaited):
    """The same where the body may be an asynchronous iterator."""
    body = value.get("body") if isinstance(value, dict) and "statusCode" in value else None
    if not hasattr(body, "__aiter__"):
        return await awaited(answer(response, value))
    pairs = pairs_of(value)
    if not has(pairs, "content-type"):
        pairs.append(("content-type", BINARY_TYPE))
    response.start(status_of(value), pairs)
    async for chunk in body:
        await awaited(response.write(bytes_of(chunk)))
    await awaited(response.finish())


def status_of(value):
    status = value["statusCode"]
    if not isinstance(status, int) or isinstance(status, bool) or not 200 <= status <= 599:
        raise bad_response(
            f"The handler returned the statusCode {shown(status)}, which is not an integer from 200 to 599"
        )
    return int(status)


def pairs_of(value):
    """Names and values of `headers`, `multiValueHeaders` and `cookies`, as they were returned."""
    pairs = []
    for part in ("headers", "multiValueHeaders"):
        headers = value.get(part)
        if headers is None:
            continue
        if not hasattr(headers, "items"):
            raise bad_response(f"The handler returned {kind_of(headers)} as {part}, which must be a dict")
        for name, each in headers.items():
            for one in each if isinstance(each, (list, tuple)) else (each,):
                if one is not None:
                    pairs.append((name, one))
    cookies = value.get("cookies")
    if isinstance(cookies, (list, tuple)):
        pairs.extend(("set-cookie", cookie) for cookie in cookies)
    return pairs


def content_of(body, is_base64):
    """Bytes, or an iterator of them; and the content type that it has where no header names one."""
    if body is None:
        return b"", None
    if isinstance(body, str):
        return (decode_base64(body), BINARY_TYPE) if is_base64 else (utf8(body), TEXT_TYPE)
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body), BINARY_TYPE
    if is_stream(body):
        return body, BINARY_TYPE
    return json_bytes(body), JSON_TYPE


def is_stream(body):
    """An iterator, such as a generator or an open file: nothing that JSON could hold is one."""
    return hasattr(body, "__next__")


def bytes_of(chunk):
    if isinstance(chunk, str):
        return utf8(chunk)
    if isinstance(chunk, (bytes, bytearray, memoryview)):
        return chunk
    raise bad_response(f"The handler's body gave {kind_of(chunk)}, which is neither bytes nor a str")


def decode_base64(text):
    from binascii import Error, a2b_base64

    try:
        return a2b_base64(text)
    except (Error, ValueError):
        raise bad_response("The handler returned a body that isBase64Encoded, but it is not base64") from None


def _answer_value(response, status, value):
    headers = {}
    for name, each in pairs_of(value):
        headers[name] = [*_list(headers[name]), each] if name in headers else each
    body = value.get("body")
    if is_stream(body):
        body = b"".join(bytes(bytes_of(chunk)) for chunk in body)
    if isinstance(body, (bytes, bytearray, memoryview)):
        text, is_base64 = text_of_bytes(bytes(body))
        return (yield from response.value(status, headers, text, is_base64))
    yield from response.value(status, headers, body, value.get("isBase64Encoded") is True)


def _list(value):
    return value if type(value) is list else [value]
