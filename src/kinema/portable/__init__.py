"""Trained networks as files that other programs run: modules that can be traced, and the formats."""
