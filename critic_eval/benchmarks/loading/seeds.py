"""Random draws that belong to an item, whatever else is drawn."""

import hashlib

import numpy as np


def seeded(seed: int, *names: str) -> np.random.Generator:
    """A generator for an item, named by texts; a strong hash keeps the draws of like names apart.

    >>> seeded(0, "item 1", "AB").random() == seeded(0, "item 1", "AB").random() != seeded(0, "item 1", "BA").random()
    True
    """
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.default_rng([seed, *digest])
