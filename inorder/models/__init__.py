"""Layers joined into architectures."""
