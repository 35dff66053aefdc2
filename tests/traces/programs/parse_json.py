"""Parses a year of orders from JSON, sums them up, and writes the sums as JSON."""

import json
import random
from collections import Counter

CITIES = ("Aarhus", "Bergen", "Cádiz", "Dresden", "Évora", "Faenza")


def write_orders(pick, count):
    """Text, as another program would send it."""
    return json.dumps(
        [
            {
                "id": number,
                "customer": {
                    "name": f"customer {pick.randrange(60)}",
                    "city": pick.choice(CITIES),
                },
                "items": [
                    {"sku": f"{pick.randrange(10**6):06}", "price": round(pick.random() * 99, 2)}
                    for _ in range(pick.randrange(1, 6))
                ],
                "note": "x" * pick.randrange(200) if pick.random() < 0.1 else None,
            }
            for number in range(count)
        ]
    )


def main():
    pick = random.Random(1)
    spent = Counter()
    for _month in range(12):
        for order in json.loads(write_orders(pick, 9)):
            who = order["customer"]["name"], order["customer"]["city"]
            spent[who] += sum(item["price"] for item in order["items"])
    best = [{"who": who, "spent": round(sum_, 2)} for who, sum_ in spent.most_common(100)]
    print(len(json.dumps(best, indent=2)))


main()
