"""The steps of payment posting."""
