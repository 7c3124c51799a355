"""Scorers: what lets a version predict for a comparison."""
