"""The parts of a transformer layer, written once over the op contract."""
