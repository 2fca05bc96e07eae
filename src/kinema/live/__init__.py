"""A run, or an anomaly detector, at work on a stream that does not end."""
