"""From a file to a typed sequence."""
