"""haconnd: watches the power of a cluster's servers through their BMCs, and resets a failed one on request, with proof."""

__version__ = "0.1.0"
