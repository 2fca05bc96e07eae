"""Which frames a model sees: samplers that run along a stream of frames."""
