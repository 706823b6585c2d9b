"""Randomness as a function: every draw is named by a key, so nothing has to be remembered to repeat it."""

from hashlib import sha256

import numpy as np

Part = str | int


def number(*key: Part) -> int:
    """63 bits that depend on the key and on nothing else."""
    plain = tuple(part if isinstance(part, str) else int(part) for part in key)
    return int.from_bytes(sha256(repr(plain).encode()).digest()[:8], "big") >> 1


def generator(*key: Part) -> np.random.Generator:
    """A numpy generator of its own for this key."""
    return np.random.default_rng(number(*key))
