"""Reports to hand on: one file of HTML without scripts, of a model's period or of two tables."""
