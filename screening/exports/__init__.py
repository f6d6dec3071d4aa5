"""Frozen data sets on their way out of the lab and into another: from rows to the files of `mlmodels.export`, and back."""
