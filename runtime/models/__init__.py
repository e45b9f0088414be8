"""One decoder and one encoder; a small file an architecture says what differs."""
