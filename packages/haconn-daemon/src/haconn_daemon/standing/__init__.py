"""Which server is the own one."""
