"""Scores: how good an output is, as a number that says how it was computed. No model is known here."""
