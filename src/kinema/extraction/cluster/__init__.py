"""Extraction on a cluster of Ray: decoding as tasks, backbones as actors, the same store in the end."""
