"""Features into the store: the engine, its decoding processes, and what they say to each other."""
