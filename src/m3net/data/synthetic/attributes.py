"""The attributes of the catalogue, and how often each class is worn.

The shares give a moderate long tail, as real catalogues have: black is worn often, maroon rarely.
"""

from m3net.data.taxonomy import Attribute, Taxonomy

SHARES: dict[str, dict[str, float]] = {
    "sleeve_length": {
        "sleeveless": 0.18,
        "cap": 0.09,
        "short": 0.28,
        "elbow": 0.11,
        "three_quarter": 0.12,
        "long": 0.22,
    },
    "neckline": {
        "round": 0.33,
        "v": 0.22,
        "square": 0.12,
        "boat": 0.12,
        "halter": 0.1,
        "off_shoulder": 0.11,
    },
    "collar": {"none": 0.5, "shirt": 0.2, "peter_pan": 0.1, "stand": 0.1, "shawl": 0.1},
    "hem_length": {"crop": 0.16, "hip": 0.32, "knee": 0.24, "midi": 0.16, "floor": 0.12},
    "trouser_length": {"shorts": 0.24, "bermuda": 0.15, "cropped": 0.19, "full": 0.42},
    "colour": {
        "black": 0.15,
        "white": 0.12,
        "blue": 0.11,
        "grey": 0.1,
        "navy": 0.09,
        "red": 0.08,
        "pink": 0.08,
        "beige": 0.07,
        "green": 0.06,
        "cream": 0.05,
        "yellow": 0.05,
        "maroon": 0.04,
    },
    "pattern": {
        "plain": 0.44,
        "horizontal_stripe": 0.14,
        "vertical_stripe": 0.1,
        "check": 0.12,
        "dots": 0.11,
        "floral": 0.09,
    },
    # One garment may have several: each is the chance of that detail alone.
    "details": {"buttons": 0.24, "pocket": 0.2, "zip": 0.12, "belt": 0.14, "bow": 0.12},
}
"""Share of each class among the garments that have the attribute."""

TAXONOMY = Taxonomy(
    tuple(
        Attribute(name, tuple(shares), multi_label=name == "details")
        for name, shares in SHARES.items()
    )
)
"""Eight attributes, 49 classes; `details` is the one with several classes per image."""
