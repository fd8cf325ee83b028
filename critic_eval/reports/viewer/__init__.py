"""A page on which single judgments of one or two runs are looked at: served locally, or exported to a folder."""
