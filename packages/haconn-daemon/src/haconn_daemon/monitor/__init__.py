"""What we see: a watcher for each BMC, and the judge of what its answers mean."""
