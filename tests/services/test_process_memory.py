from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import gc
from services.prediction.process_memory import keep_memory, spare_the_collector
print(keep_memory())
spare_the_collector()
print(gc.get_freeze_count() > 1000, gc.get_threshold()[0])
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_a_process_keeps_its_memory_and_spares_what_it_began_with() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True", "50000"]
