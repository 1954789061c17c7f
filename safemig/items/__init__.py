"""What the items of a checklist name, where that is found in the world, and what it comes to before and after."""
