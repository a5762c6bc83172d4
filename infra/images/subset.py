"""`python subset.py NAMES < requirements.lock`: the part of the lock that an image installs, hashes included."""

from __future__ import annotations

import re
import sys
from pathlib import Path

_PIN = re.compile(r"^([A-Za-z0-9][\w.-]*)==")


def subset(lock: str, wanted: set[str]) -> str:
    """The entries of these packages, in the lock's order; ValueError names packages that the lock does not pin.

    >>> print(subset("a==1 \\\\\\n    --hash=sha256:0\\nb==2 \\\\\\n    --hash=sha256:1\\n", {"b"}), end="")
    b==2 \\
        --hash=sha256:1
    """
    kept, found, taking = [], set(), False
    for line in lock.splitlines(keepends=True):
        if pin := _PIN.match(line):
            name = plain(pin[1])
            taking = name in wanted
            found |= {name} & wanted
        elif not line.startswith((" ", "\t")):
            taking = False
        if taking:
            kept.append(line)
    if missing := sorted(wanted - found):
        raise ValueError(f"requirements.lock does not pin {', '.join(missing)}")
    return "".join(kept)


def plain(name: str) -> str:
    """A package's name as the index compares it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    sys.stdout.write(subset(sys.stdin.read(), set(Path(sys.argv[1]).read_text().split())))
