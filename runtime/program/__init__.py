"""A forward pass recorded once and replayed natively."""
