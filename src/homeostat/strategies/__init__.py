"""When to ask for a retraining: one strategy a file, and the ways to combine them."""
