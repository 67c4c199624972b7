"""What an employee meets: the screen and its process."""
