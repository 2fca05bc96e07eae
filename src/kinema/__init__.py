"""Kinema recognises human actions in video with CNN + RNN models."""
