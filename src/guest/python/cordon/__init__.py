"""What a Python function imports of Cordon: `ctx`, the context of the invocation that runs, and what its calls raise."""

from cordon_agent.asks import CapabilityError, FetchError
from cordon_agent.context import Context, CurrentContext

__all__ = ["CapabilityError", "Context", "FetchError", "ctx"]

ctx = CurrentContext()
