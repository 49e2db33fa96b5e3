"""The label files of public collections, one file a source; `read.read_labels` knows them by name and by header."""
