"""From a file to a forecast: compare, look, save, load.

Run: python examples/compare_forecasters.py [FILE]
"""

import sys

import inorder

data = sys.argv[1] if len(sys.argv) > 1 else "air-passengers"
result = inorder.compare("forecast", data, horizon=12, models=["naive", "seasonal-naive", "holt-winters", "holt-winters-multiplicative", "ar"])
print(result)

forecast = result.best.predict(12, levels=(0.8, 0.95))
print(forecast.to_frame())

path = result.save("runs/example")
assert (inorder.load(path).predict(12).mean == forecast.mean).all()
forecast.plot().savefig("runs/example-forecast.png", dpi=120)
print(f"saved in {path}; open {path}/report.html")
