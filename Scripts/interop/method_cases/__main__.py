"""Writes the cases: see shared.py."""

import sys

# Each registers its cases where it is imported.
import blocks
import growth
import heads
import layers
import steps
from shared import MAKERS, write


def main(root, *slugs):
    for slug, name, function in MAKERS:
        if not slugs or slug in slugs:
            write(root, slug, name, function())
            print(f"{slug}/{name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
