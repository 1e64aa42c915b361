"""Digests, keys and sealing of RMCP+ sessions. No randomness of its own, no state."""
