"""What happens inside a model: what its answer rests on, its states and gates."""
