"""Fills a database in memory, and asks it for reports."""

import random
import sqlite3

TABLES = """
create table station (id integer primary key, name text, height real);
create table reading (station integer, day integer, low real, high real, note text);
create index by_day on reading (day);
"""


def main():
    pick = random.Random(2)
    database = sqlite3.connect(":memory:")
    database.row_factory = sqlite3.Row
    database.create_function("celsius", 1, lambda f: None if f is None else (f - 32) / 1.8)
    database.executescript(TABLES)
    with database:
        database.executemany(
            "insert into station values (?, ?, ?)",
            ((number, f"station {number}", pick.random() * 2000) for number in range(40)),
        )
        database.executemany(
            "insert into reading values (?, ?, ?, ?, ?)",
            (
                (
                    pick.randrange(40),
                    day,
                    pick.gauss(40, 10),
                    pick.gauss(70, 10),
                    "checked by hand" if pick.random() < 0.2 else None,
                )
                for day in range(365)
                for _ in range(4)
            ),
        )
    rows = database.execute("select *, celsius(high) as warm from reading order by high").fetchall()
    hottest = [dict(row) for row in rows[-200:]]
    months = [
        database.execute(
            "select name, count(*), avg(celsius(low)), max(high) from reading "
            "join station on station.id = station where day between ? and ? group by name",
            (30 * month, 30 * month + 29),
        ).fetchall()
        for month in range(12)
    ]
    print(len(hottest), sum(len(month) for month in months))


main()
