"""`homeostat` with small sizes, so that what happens rarely happens soon."""

from homeostat.cli import main
from homeostat.runtime import keeper
from homeostat.stores import identities, shelves, sqlite

identities.MOST = 64
shelves._WIDTH = 4
keeper._TICK = 0.02
keeper._SNAPSHOT_TICKS = 3
sqlite._WAL_MOST = 1 << 16
sqlite.LONG_LOG = 1 << 20
sqlite._BUSY_MS = 200

if __name__ == "__main__":
    main()
