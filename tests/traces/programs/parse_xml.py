"""Reads news feeds from XML, joins them, and writes one feed."""

import random
import xml.etree.ElementTree as ET

WORDS = ["heap", "block", "word", "free", "live", "hole", "merge", "split", "page", "list", "tree"]


def write_feed(pick, number):
    """Text, as a server would send it."""
    items = "".join(
        f'<item id="{number}-{i}" lang="{pick.choice(["en", "de", "fr"])}">'
        f"<title>{' '.join(pick.choices(WORDS, k=5))}</title>"
        f"<date>2024-{pick.randrange(1, 13):02}-{pick.randrange(1, 29):02}</date>"
        f"<text>{' '.join(pick.choices(WORDS, k=pick.randrange(5, 60)))}<br/>&amp; more</text>"
        f"</item>"
        for i in range(40)
    )
    return f"<?xml version='1.0'?><feed><name>feed {number}</name>{items}</feed>"


def main():
    pick = random.Random(3)
    joined = ET.Element("feed")
    for number in range(4):
        feed = ET.fromstring(write_feed(pick, number))
        for item in feed.iter("item"):
            if item.get("lang") != "en":
                item.set("source", feed.findtext("name"))
                joined.append(item)
    joined[:] = sorted(joined, key=lambda item: item.findtext("date"), reverse=True)
    ET.indent(joined)
    print(len(ET.tostring(joined)))


main()
