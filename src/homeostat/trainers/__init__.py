"""Trainers: what runs a retraining."""
