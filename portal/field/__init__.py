"""The pages of field staff: my area, assigned to me."""
