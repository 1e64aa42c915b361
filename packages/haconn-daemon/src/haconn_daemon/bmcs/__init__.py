"""The way to the BMCs: which is whose, and who uses the session at each."""
