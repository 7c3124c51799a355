"""Trainers: what runs a retraining. One file and one line in the table each.

A trainer begins an order and answers with a handle, by which it is looked at and cancelled from
then on, by whichever process runs. Begun again, an order has one run still.
"""

from homeostat.trainers.faults import TrainerFailed
from homeostat.trainers.table import TABLE, TRAINERS, trainer_of

__all__ = ["TABLE", "TRAINERS", "TrainerFailed", "trainer_of"]
