"""The verbs of `haconnsetup`, one file each: `run(words, paths)` does what the words after the verb ask for."""
