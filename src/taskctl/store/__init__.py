"""What taskctl remembers: the history of tasks, and the config file with its profiles."""
