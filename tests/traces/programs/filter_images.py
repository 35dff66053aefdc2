"""Images pass a chain of filters, each with a large buffer of its own, and are packed in strips."""

import random
import zlib
from array import array

LEVELS = bytes(255 - level for level in range(256))


def draw(pick, width, height):
    """Grey pixels: stripes."""
    return bytearray(pick.randbytes(width) * height)


def halve(pixels, width):
    """Every other pixel of every other row."""
    rows = [pixels[at : at + width : 2] for at in range(0, len(pixels), 2 * width)]
    return bytearray().join(rows)


def cut(pixels, width, height):
    """Strips of so many rows."""
    for top in range(0, len(pixels), width * height):
        yield pixels[top : top + width * height]


def encode(strips):
    """Packed one by one into a file that grows."""
    file = bytearray()
    packed = []
    for strip in strips:
        packed.append(zlib.compress(strip, 1))
        file += len(packed[-1]).to_bytes(4, "big") + packed[-1]
    return file, packed


def count_levels(pixels):
    """How often some levels are there."""
    return array("L", [pixels.count(level) for level in range(0, 256, 8)])


def main():
    pick = random.Random(5)
    kept = []
    for number in range(26):
        width = 64 * pick.randrange(4, 12)
        image = draw(pick, width, 64 * pick.randrange(2, 10))
        scaled = [image]
        while len(scaled[-1]) > 4096 and len(scaled) < 4:
            scaled.append(halve(scaled[-1], width >> (len(scaled) - 1)))
        inverted = [level.translate(LEVELS) for level in scaled]
        counts = [count_levels(level) for level in inverted]
        file, packed = encode(cut(inverted[0], width, 32))
        kept.append((file, counts[0], packed[:: 1 + number % 3]))
        if len(kept) > 6:
            kept.pop(pick.randrange(len(kept)))
        restored = bytearray().join(zlib.decompress(part) for part in packed)
        print(number, len(file), len(restored))


main()
