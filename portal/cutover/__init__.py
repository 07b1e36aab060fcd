"""The old system's tables on their way into the portal."""
