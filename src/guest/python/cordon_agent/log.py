"""Log: the lines that a function writes, each for the invocation that it belongs to, within what one may write."""

from .current import current_call
from .frames import LOG, SANDBOX_LOG
from .jsons import dumps

# What a line costs besides its text.
LINE_UNITS = 16
# The host cuts a longer line.
MAX_LINE_UNITS = 16 * 1024


class Log:
    def __init__(self, connection, sandbox, max_units):
        self._connection = connection
        self._sandbox = sandbox
        self._max_units = max_units
        # What was written by no invocation's code.
        self.log_units = 0

    def is_full(self, call):
        return (self if call is None else call).log_units > self._max_units

    def write(self, level, message, call=None):
        """`message`: a str of any length, of which a line's worth is taken."""
        call = call or current_call()
        account = self if call is None else call
        if account.log_units > self._max_units:
            return
        message = message[:MAX_LINE_UNITS]
        account.log_units += len(message) + LINE_UNITS
        if account.log_units > self._max_units:
            level = "warn"
            message = f"The log of this invocation is longer than {self._max_units} bytes; the rest is dropped"
        is_heard = call is not None and not call.is_over
        kind, stream = (LOG, call.id) if is_heard else (SANDBOX_LOG, self._sandbox)
        self._connection.send_meta(kind, stream, dumps([level, message]))
