"""The catalogue of commands, one file per chapter of the specification."""
