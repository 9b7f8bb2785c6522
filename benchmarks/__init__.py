"""How fast inorder is, and beside whom: `python -m benchmarks`. See README.md."""
