"""A frozen data set as files that anybody can read: HDF5, Parquet, CSV, a data sheet, and all of it in one `.eln`.

Knows the formats and nothing of the database: whoever exports hands over `ExportedPattern`s, in order, some at a time.
"""
