"""Ids of the components of the report page."""

URL = "rp-url"
TITLE = "rp-title"
HEAD = "rp-head"
FILTERS = "rp-filters"
TOTALS = "rp-totals"
NOTE = "rp-note"
GRID = "rp-grid"
ENDS = "rp-ends"  # the keys at the ends of blocks already read, so that the next block continues by keyset
COUNT = "rp-count"
VIEW = "rp-view"
THEME = "ov-theme"  # the store that dash.js tells about the theme
