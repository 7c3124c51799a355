"""Registries: where versions and their names are written down outside."""
