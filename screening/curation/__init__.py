"""Data sets drawn up from the record: what is asked, which label follows from what was signed, and who is on which side."""
