"""One observation in, the next forecast out, in constant memory; and the same numbers as all at once.

Run: python examples/streaming.py
"""

import numpy as np

import inorder

y = inorder.read_series("air-passengers")
model = inorder.ExponentialSmoothing(trend="additive", seasonal="multiplicative").fit(y.head(24))

session = model.stream()
for value in y.values[-24:]:
    ahead = session.step(value)
print(f"after {len(y.values)} months the next one is forecast at {ahead:.1f}")

at_once = model.update(y.tail(24))
assert np.isclose(at_once.predict(1).mean[0], ahead)
