"""Bytes ↔ values: the layouts of IPMI 2.0 over LAN. No keys, no time, no state."""
