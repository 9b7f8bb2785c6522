"""Training: one loop of plain torch, and the parts it is made of."""
