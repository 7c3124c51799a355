"""`homeostat` on a disk on which each commit takes as long as SLOW_COMMIT says, in seconds."""

import os
import time

from homeostat.cli import main
from homeostat.stores.sqlite import SQLite

SECONDS = float(os.environ["SLOW_COMMIT"])
_commit = SQLite.commit


def commit(self):
    """As ever, and then some."""
    _commit(self)
    time.sleep(SECONDS)


SQLite.commit = commit

if __name__ == "__main__":
    main()
