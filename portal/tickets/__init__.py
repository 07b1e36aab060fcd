"""Complaints and requests: tickets with categories, deadlines, comments and decisions."""
