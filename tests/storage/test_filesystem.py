"""Which filesystems WAL must not be used on, as the systems themselves list them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasktree_jupyter.storage.filesystem import bsd_mounts, filesystem_of, is_network, linux_mounts

LINUX = r"""
/dev/vda / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
server:/export/home /home nfs4 rw,vers=4.2 0 0
/dev/sdb /home/local\040disk xfs rw 0 0
user@host:/ /mnt/far fuse.sshfs rw 0 0
//nas/share /mnt/nas cifs rw 0 0
10.0.0.1@tcp:/scratch /scratch lustre rw 0 0
"""

MACOS = """
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled)
//user@nas._smb._tcp.local/share on /Volumes/our share (smbfs, nodev, nosuid, mounted by user)
server:/export on /Volumes/nfs (nfs, nodev, nosuid)
"""


def test_linux_lists_mounts_with_their_types() -> None:
    mounts = dict(linux_mounts(LINUX))

    assert mounts["/home/local disk"] == "xfs"
    assert {point for point, kind in mounts.items() if is_network(kind)} == {
        "/home",
        "/mnt/far",
        "/mnt/nas",
        "/scratch",
    }


def test_macos_lists_mounts_with_their_types() -> None:
    mounts = dict(bsd_mounts(MACOS))

    assert mounts == {
        "/": "apfs",
        "/System/Volumes/Data": "apfs",
        "/Volumes/our share": "smbfs",
        "/Volumes/nfs": "nfs",
    }
    assert {point for point, kind in mounts.items() if is_network(kind)} == {"/Volumes/our share", "/Volumes/nfs"}


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "smbfs", "lustre", "9p", "fuse.sshfs"])
def test_these_are_network_filesystems(kind: str) -> None:
    assert is_network(kind)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "apfs", "tmpfs", "overlay", "ntfs", ""])
def test_these_are_not(kind: str) -> None:
    assert not is_network(kind)


def test_the_folder_need_not_exist_yet(tmp_path: Path) -> None:
    assert filesystem_of(tmp_path / "not" / "yet") == filesystem_of(tmp_path) != ""
