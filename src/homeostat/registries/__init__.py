"""Registries: where versions and their names are written down outside. One file and one line each.

Every call may be repeated after a crash, and then changes nothing more. The shelf beside them keeps
artifacts in the folder of the service.
"""

from homeostat.registries.shelf import Damaged, NotKept, Shelf
from homeostat.registries.table import REGISTRIES, TABLE, registries_of

__all__ = ["REGISTRIES", "TABLE", "Damaged", "NotKept", "Shelf", "registries_of"]
