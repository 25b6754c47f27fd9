"""Services: what a function finds on its context besides its request: kv, db, email, publish, vm; as docs/capabilities.md has them."""

import sys

from .rpc import rpc
from .waiting import awaited, wait


def deliver(steps):
    """What the steps come to; on a thread that runs an event loop, an awaitable of it: to block would stop the loop."""
    events = sys.modules.get("asyncio.events")
    if events is not None and events._get_running_loop() is not None:
        return awaited(steps)
    return wait(steps)


class Service:
    def __init__(self, call):
        self._call = call

    def _ask(self, method, params, **options):
        """Options that are None are not sent."""
        given = {name: value for name, value in options.items() if value is not None}
        return deliver(rpc(self._call, method, {**params, **given}))


class Kv(Service):
    """Values by key."""

    def get(self, key):
        """The value, or None."""
        return deliver(self._value(key))

    def get_with_revision(self, key):
        """{"value", "revision", "expiresAt"}, or None."""
        return self._ask("kv.get", {"key": key})

    def set(self, key, value, *, ttl_seconds=None, if_revision=None):
        """Its revision."""
        given = {"key": key, "value": value}
        return self._ask("kv.set", given, ttlSeconds=ttl_seconds, ifRevision=if_revision)

    def delete(self, key, *, if_revision=None):
        """False where there was none."""
        return self._ask("kv.delete", {"key": key}, ifRevision=if_revision)

    def list(self, *, prefix=None, cursor=None, limit=None):
        """{"keys", "cursor"}"""
        return self._ask("kv.list", {}, prefix=prefix, cursor=cursor, limit=limit)

    def _value(self, key):
        found = yield from rpc(self._call, "kv.get", {"key": key})
        return None if found is None else found["value"]


class Db(Service):
    """Items of collections, or rows of the operator's own PostgreSQL."""

    def list(self, slug, query=None):
        return self._ask("db.list", {"slug": slug}, query=query)

    def one(self, slug, id):
        """The item, or None."""
        return self._ask("db.one", {"slug": slug, "id": id})

    def create(self, slug, data):
        return self._ask("db.create", {"slug": slug, "data": data})

    def update(self, slug, id, data):
        """The item, or None where there is none."""
        return self._ask("db.update", {"slug": slug, "id": id, "data": data})

    def delete(self, slug, id):
        """False where there was none."""
        return self._ask("db.delete", {"slug": slug, "id": id})


class Email(Service):
    def send(self, mail):
        """{"id"}. `mail`: to, from, cc, bcc, replyTo, subject, text, html."""
        return deliver(rpc(self._call, "email.send", mail))


class Vm(Service):
    def run(self, options):
        return deliver(rpc(self._call, "vm.run", options))


class Publisher(Service):
    def publish(self, channel, data=None, *, key=None, delay_ms=None, id=None):
        given = {"channel": channel, "data": data}
        return self._ask("publish.event", given, key=key, delayMs=delay_ms, id=id)
