"""`report.html`: one file, without network access."""
