"""Backbones of other libraries, by name: timm/NAME, torchvision/NAME, transformers/ORGANISATION/NAME."""
