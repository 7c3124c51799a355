"""`homeostat` on a disk whose sync of the number in FAIL_SYNC, counted from the start, fails."""

import os

from disk import Disk, used

from homeostat.cli import main

if __name__ == "__main__":
    disk = Disk()
    disk.fail(int(os.environ["FAIL_SYNC"]), ("sync",))
    with used(disk):
        main()
