"""Where files lie: a folder, a bucket or a drive, by one address. Knows no feature and no request."""
