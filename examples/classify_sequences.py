"""From labelled sequences to a model that tells them apart: compare, look, save, predict.

Run: python examples/classify_sequences.py [FILE]
"""

import sys

import numpy as np

import inorder

rng, t = np.random.default_rng(0), np.arange(60)
if len(sys.argv) > 1:
    data = inorder.read_sequences(sys.argv[1])
else:  # slow and fast waves of uneven lengths
    waves = [np.sin((0.2, 0.5)[i % 2] * t[: rng.integers(40, 61)] + rng.uniform(0, 6)) for i in range(40)]
    data = inorder.Sequences.of(waves, ["slow", "fast"] * 20)
print(data.describe())

result = inorder.compare("classify", data, models=["minirocket", "nearest", "majority"])
print(result)

path = result.save("runs/example-classify")
model = inorder.load(path)
print(model.predict(data).to_frame().head())
print(f"saved in {path}; open {path}/report.html")
