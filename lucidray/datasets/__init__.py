"""Collections of films made ready for training: prepared, split by patient, checked."""
