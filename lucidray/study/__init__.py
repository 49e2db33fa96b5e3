"""Studies: one question, asked of real films by a command, answered with intervals."""
