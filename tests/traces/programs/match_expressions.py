"""Takes a server's log apart with regular expressions."""

import random
import re
from collections import defaultdict

LINE = re.compile(
    r"(?P<host>\d+(?:\.\d+){3}) - (?P<user>\w+|-) \[(?P<time>[^]]+)\] "
    r'"(?P<verb>[A-Z]+) (?P<path>\S+)(?: HTTP/[\d.]+)?" (?P<status>\d{3}) (?P<bytes>\d+|-)'
)


def write_log(pick, lines):
    """Text, as a server would leave it."""
    return "\n".join(
        f"10.{pick.randrange(4)}.{pick.randrange(9)}.{pick.randrange(99)} - "
        f"{pick.choice(['-', 'ada', 'grace', 'edsger'])} "
        f"[{pick.randrange(1, 29):02}/Mar/2024:{pick.randrange(24):02}:{pick.randrange(60):02}] "
        f'"{pick.choice(["GET", "GET", "POST"])} /{pick.choice(["a", "b/c", "search"])}'
        f'?q={pick.randrange(999)}&page={pick.randrange(9)} HTTP/1.1" '
        f"{pick.choice([200, 200, 304, 404])} {pick.choice(['-', str(pick.randrange(10**6))])}"
        for _ in range(lines)
    )


def main():
    log = write_log(random.Random(4), 120)
    by_host = defaultdict(list)
    for match in LINE.finditer(log):
        found = match.groupdict()
        query = dict(re.findall(r"(\w+)=(\w+)", found["path"]))
        by_host[found["host"]].append((found["time"], query, found["status"]))
    hidden = re.sub(r"\d+\.\d+(?=\.\d+\.\d+ )", lambda match: "x" * len(match[0]), log)
    names = [
        re.compile(rf"\b{name}\b.*?\b{status}\b")
        for name in ("ada", "grace", "edsger")
        for status in (200, 404)
    ]
    counts = [sum(1 for line in hidden.splitlines() if name.search(line)) for name in names]
    print(len(by_host), counts, len(re.split(r"[\s/?&=]+", hidden)))


main()
