"""The log pane: all output of a run, of any size, each line with its source."""
