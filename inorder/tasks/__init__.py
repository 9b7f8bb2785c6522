"""One short file per task: which data, models, losses, decoding and metrics belong together."""
