"""RPC: one call of a host service over an ask, JSON both ways."""

from .asks import CapabilityError
from .jsons import dumps, loads


def rpc(call, method, params):
    """Steps: the answer. Raises a CapabilityError, or a TypeError or ValueError for what JSON can't hold."""
    body = params_bytes(params)
    ask = call.ask("rpc", {"method": method}, body, error=CapabilityError)
    try:
        yield from ask.send_rest(body)
        yield from ask.head()
        answer = yield from ask.answer.read_all()
    finally:
        ask.cancel()
    return loads(answer.decode("utf-8"))


def params_bytes(params):
    try:
        return dumps(params).encode("utf-8", "replace")
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(f"what is given must be a value that JSON can hold: {error}") from None
