"""The pages of photos and documents of units and accounts: adding, the list, the single file, the portal's photos."""
