"""Two frames -> displacement field float32 [2, H, W] in pixels."""
