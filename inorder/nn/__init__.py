"""Layers for sequences, each with a path over the whole sequence and a path one step at a time that give the same numbers."""
