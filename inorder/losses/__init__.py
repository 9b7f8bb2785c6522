"""Losses: how far an output is from its target, as a number whose gradient trains a model."""
