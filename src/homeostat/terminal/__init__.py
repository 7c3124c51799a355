"""A running service in a terminal: its fleet, and one model closely."""
