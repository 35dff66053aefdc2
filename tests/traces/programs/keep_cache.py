"""A server's cache lives long: it grows to its cap, evicts what was used longest ago, and what is
asked for changes over the day."""

import random
from collections import OrderedDict

CAP = 900_000  # bytes of the values


class Cache:
    """Values by key, the one used longest ago first."""

    def __init__(self):
        self.values = OrderedDict()
        self.size = 0

    def get(self, key, make):
        """The value, made if it is not there."""
        if key in self.values:
            self.values.move_to_end(key)
            return self.values[key]
        value = make()
        self.values[key] = value
        self.size += len(value)
        while self.size > CAP:
            _, oldest = self.values.popitem(last=False)
            self.size -= len(oldest)
        return value


def make_page(pick, key):
    """Answers of a few kinds: small records, pages, and now and then a picture."""
    kind = pick.random()
    if kind < 0.7:
        return f"record {key}: ".encode() + pick.randbytes(pick.randrange(20, 400))
    if kind < 0.97:
        page = bytearray()
        for part in range(pick.randrange(4, 24)):
            page += f"<p id={part}>{key}</p>".encode() + pick.randbytes(pick.randrange(60))
        return page
    return pick.randbytes(pick.randrange(8_000, 60_000))


def main():
    pick = random.Random(2)
    cache = Cache()
    answered = 0
    for hour in range(24):
        most = 100 + 20 * min(hour, 24 - hour)
        for _ in range(120):
            key = f"/{hour // 6}/{int(pick.paretovariate(0.7)) % most}"
            value = cache.get(key, lambda key=key: make_page(pick, key))
            answered += len(bytes(value[:200]) + b"\r\n")
    print(answered, len(cache.values))


main()
