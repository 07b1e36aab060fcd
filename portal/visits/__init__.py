"""What field staff did at a unit: compliance visits, and bills handed over."""
