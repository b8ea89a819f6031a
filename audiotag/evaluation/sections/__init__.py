"""Parts of a report, a file each."""
