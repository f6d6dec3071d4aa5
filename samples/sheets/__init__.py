"""Spreadsheets of samples: read what people send, check it against the lab, write it as one batch, take it away again."""
