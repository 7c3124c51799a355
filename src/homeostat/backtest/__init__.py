"""History run again: the same log, other strategies, other settings."""
