"""Damaged videos, hostile runs and stores, and the verbs run over them: the parts of bench/fuzz.py."""
