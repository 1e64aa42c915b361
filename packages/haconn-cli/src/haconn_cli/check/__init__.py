"""Looking at BMCs on behalf of a person: log in as the connector would, and say what is right, wrong and doubtful."""
