"""Ids of the Overview's components. All begin with `ov-`, the app's own."""

URL = "ov-url"
FIGURES = "ov-figures"  # the charts' figures with colours by name
THEME = "ov-theme"  # changes when the page turns dark or light
TITLE = "ov-title"
HEAD = "ov-head"
TILES = "ov-tiles"
RECOVERY_HEAD = "ov-recovery-head"
RECOVERY_GRAPH = "ov-recovery-graph"
RECOVERY_FOOT = "ov-recovery-foot"
LEAGUE = "ov-league"
DAILY_HEAD = "ov-daily-head"
DAILY_GRAPH = "ov-daily-graph"
DAILY_FOOT = "ov-daily-foot"
MOVERS = "ov-movers"
FUNNEL = "ov-funnel"

SLOTS = (HEAD, TILES, RECOVERY_HEAD, RECOVERY_FOOT, LEAGUE, DAILY_HEAD, DAILY_FOOT, MOVERS, FUNNEL)
