"""Disks that can be filled: file systems of a size of their own, made as loop devices where the engine runs."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass

MAKER = "postgres:15"  # has mkfs, losetup, and the user that PostgreSQL's files belong to
_RIGHTS = (
    "--cap-add=SYS_ADMIN", "--security-opt=apparmor=unconfined", "--security-opt=seccomp=unconfined",
    "--device-cgroup-rule=b 7:* rmw", "--device-cgroup-rule=c 10:237 rmw",
)  # fmt: skip
_MAKE = """
truncate -s {megabytes}M /disk/image && mkfs.ext4 -q -m 0 /disk/image
device=$(losetup --find --show /disk/image)
trap 'losetup -d $device' ERR
mount "$device" /mnt && rmdir /mnt/lost+found && chown {owner} /mnt && chmod {mode} /mnt && umount /mnt
echo "$device"
"""


@dataclass(frozen=True)
class Disk:
    """A file system on `device`; its bytes lie in the volume `image`."""

    image: str
    device: str

    def options(self) -> dict[str, dict[str, str]]:
        """What a Compose file says of a volume that lies on it."""
        return {"driver_opts": {"type": "ext4", "device": self.device}}

    def remove(self) -> None:
        """Give the device back; whatever used it must have ended."""
        _as_root(self.image, f"losetup -d {self.device}")
        subprocess.run(["docker", "volume", "rm", "-f", self.image], capture_output=True, timeout=60, check=False)


def make_disk(image: str, megabytes: int, owner: str, mode: str) -> Disk | None:
    """An empty disk whose root belongs to `owner`; None where the engine's machine knows no loop devices."""
    done = _as_root(image, _MAKE.format(megabytes=megabytes, owner=owner, mode=mode))
    if done.returncode == 0:
        return Disk(image, done.stdout.split()[-1])
    subprocess.run(["docker", "volume", "rm", "-f", image], capture_output=True, timeout=60, check=False)
    return None


def _as_root(image: str, program: str) -> subprocess.CompletedProcess[str]:
    words = ["docker", "run", "--rm", "--user=0", "--network=none", *_RIGHTS, "-v", "/dev:/dev", "-v", f"{image}:/disk"]
    return subprocess.run(
        [*words, "--entrypoint=bash", MAKER, "-ec", program], capture_output=True, text=True, timeout=60, check=False
    )
