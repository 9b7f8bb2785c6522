"""Fits and predicts with whatever inorder is installed, writes the numbers, and compares them with those of another install.

python -P .ci/smoke.py compiled      OUT.json
python -P .ci/smoke.py pure-python   OUT.json EXPECTED.json
"""

import json
import math
import sys
import warnings
from pathlib import Path

kind, out, *expected = sys.argv[1:]

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import inorder
    import inorder.kernels

    assert inorder.kernels.compiled == (kind == "compiled"), f"compiled is {inorder.kernels.compiled} in an install that should be {kind}"
    series = inorder.read_series("air-passengers")
    numbers: dict[str, list[float]] = {}
    for trend in (None, "additive"):
        for seasonal in (None, "additive", "multiplicative"):
            fitted = inorder.ExponentialSmoothing(trend=trend, seasonal=seasonal).fit(series)
            forecast = fitted.predict(12)
            numbers[f"{trend} {seasonal}"] = [*forecast.mean.tolist(), *forecast.lower[0.8].tolist(), *forecast.upper[0.95].tolist()]

sentences = [str(warning.message) for warning in caught]
if kind == "compiled":
    assert sentences == [], sentences
else:
    assert len(sentences) == 1 and "without its compiled kernels" in sentences[0], sentences
Path(out).write_text(json.dumps(numbers))
if expected:
    for name, others in json.loads(Path(expected[0]).read_text()).items():
        for one, other in zip(numbers[name], others, strict=True):
            assert math.isclose(one, other, rel_tol=1e-5), f"{name}: {one} here, {other} with compiled kernels"
print(f"{kind}: {len(numbers)} models fitted" + (", equal to the compiled ones" if expected else ""), f"in {Path(inorder.__file__).parent}")
