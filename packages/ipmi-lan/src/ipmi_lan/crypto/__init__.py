"""Digests, keys and sealing of both kinds of session. No randomness of its own; no state but the contexts of a `Sealing`."""
