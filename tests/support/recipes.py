"""Settings that make a recipe with a GRU of the default recipe, for what closed forms do not have."""

from __future__ import annotations

# Epochs, units, history and checkpoints: everything that only training by gradients has.
WITH_GRU = "temporal={kind: gru, layers: 1, units: 128, pool: mean, dropout: 0.3}"
