"""Colours and signs: told apart with eyes that see colours differently, and without colours."""

import itertools

import numpy as np
import pytest

from rheap.pictures.palette import COLOURS, LEGEND

# Machado, Oliveira, Fernandes, "A physiologically-based model for simulation of color vision
# deficiency" (2009), severity 1.
SEEN_BY = {
    "most people": np.eye(3),
    "protanopes": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopes": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopes": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}
GROUNDS = {"a light page": "#ffffff", "a dark page": "#1e1e1e"}


def linear(colour):
    channels = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def oklab(rgb):
    """Ottosson, "A perceptual color space for image processing" (2020)."""
    lms = np.array(
        [[0.4122, 0.5363, 0.0514], [0.2119, 0.6807, 0.1074], [0.0883, 0.2817, 0.6300]]
    ) @ np.clip(rgb, 0, 1)
    return np.array(
        [[0.2105, 0.7936, -0.0041], [1.9780, -2.4286, 0.4506], [0.0259, 0.7828, -0.8087]]
    ) @ np.cbrt(lms)


@pytest.mark.parametrize("who", SEEN_BY)
def test_any_two_colours_differ(who):
    colours = {**COLOURS, **GROUNDS}
    seen = {name: oklab(np.array(SEEN_BY[who]) @ linear(of)) for name, of in colours.items()}
    for one, other in itertools.combinations(colours, 2):
        distance = np.linalg.norm(seen[one] - seen[other])
        assert distance > 0.08, f"{one} and {other} look alike to {who}"


def test_what_is_taken_is_darker_than_what_is_free():
    lightness = {name: oklab(linear(colour))[0] for name, colour in COLOURS.items()}
    taken = [lightness[kind] for kind in ("word", "live", "pinned", "exposed", "lingering")]
    assert max(taken) < min(lightness["deferred"], lightness["free"])


def test_signs_differ():
    assert len({sign for sign, _ in LEGEND.values()}) == len(LEGEND) == len(COLOURS)
