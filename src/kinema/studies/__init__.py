"""Studies: a recipe varied over rows under one protocol, as data, and what its results are shown as."""
